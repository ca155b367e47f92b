"""From the parameters of a variational autoencoder to its networks and its loss."""

import numpy as np
import torch

from sklatent.neural.networks._architectures import make_networks
from sklatent.neural.training._units import share_observed
from sklatent.neural.vae._elbo import OBJECTIVES
from sklatent.neural.vae._latents import (
    BernoulliLatent,
    CategoricalLatent,
    NormalLatent,
)
from sklatent.neural.vae._model import VariationalAutoencoder
from sklatent.neural.vae._priors import GaussianMixturePrior, StandardNormal, VampPrior
from sklatent.neural.vae._tables import (
    EncoderInput,
    check_values,
    continuous_columns,
    make_likelihood,
    make_plan,
    replace_functions,
)
from sklatent.utils._warnings import warn

# By which the first pseudo-rows differ from rows, in standardized units.
PSEUDO_ROW_NOISE = 0.01
# Of relaxed draws of discrete codes, in the first and in the last epoch.
TEMPERATURES = (1.0, 0.3)


class VAENetworksMixin:
    """What the training of `NeuralLatentModel` asks of a variational autoencoder."""

    def _turns(self, module):
        if self.update == "joint":
            return super()._turns(module)
        encoder = set(module.encoder.parameters())
        trained = [p for p in module.parameters() if p.requires_grad]
        others = [p for p in trained if p not in encoder]
        return [p for p in trained if p in encoder], others

    def _prepare(self, X):
        """Decide on codes, units and likelihoods; check the values against these."""
        names = self._names()
        unseen = np.flatnonzero(self._share_observed == 0)
        if len(unseen):
            raise ValueError(
                f"Nothing is observed of column {names[unseen[0]]!r}; leave it out."
            )
        super()._prepare(X)
        self._masked = bool((self._share_observed < 1).any())
        self._plan = make_plan(
            vars(self).pop("_likelihood"),
            X,
            names,
            self.dtype.replace("mixed", "float32"),
        )
        self._planned = self._plan_parameters()
        discrete = ~continuous_columns(self._plan, X.shape[1])
        self.mean_[discrete], self.scale_[discrete] = 0.0, 1.0
        for part in self._plan:
            # A column of a block cannot be left at 0 where the one is drawn into it.
            if part["likelihood"] == "one_hot":
                self._constant[part["columns"]] = np.nan
        check_values(make_likelihood(self._plan), X, names)
        self._check_combinations()

    def _plan_parameters(self):
        """What the likelihoods were decided from."""

        def describe(choose):  # without its place in memory
            name = getattr(choose, "__qualname__", type(choose).__qualname__)
            return name, getattr(choose, "__dict__", {})

        likelihood = replace_functions(self.likelihood, describe)
        return [repr(likelihood), repr(self.noise_variance)]

    def _check_same_networks(self, module):
        super()._check_same_networks(module)
        now = self._plan_parameters()
        if now != self._planned:
            raise ValueError(
                "The parameters no longer describe the networks that were fitted: "
                f"likelihood and noise_variance are {now} in place of {self._planned}. "
                "Set them back, or fit anew with warm_start=False."
            )

    def _check_combinations(self):
        """Raise or warn where parameters exclude each other."""
        if self.latent != "normal":
            for name, only in [("prior", "standard_normal"), ("objective", "elbo")]:
                if getattr(self, name) != only:
                    raise ValueError(
                        f"latent={self.latent!r} takes {name}={only!r} alone; got "
                        f"{getattr(self, name)!r} instead."
                    )
        if self.noise_variance == "batch" and any(
            part["likelihood"] == "student_t" for part in self._plan
        ):
            raise ValueError(
                "noise_variance='batch' has a closed form for 'gaussian' alone; the "
                "likelihood 'student_t' takes 'shared', 'feature', 'decoder' or a "
                "number."
            )
        if self.free_bits and (
            self.prior != "standard_normal" or self.objective != "elbo"
        ):
            raise ValueError(
                "free_bits needs the divergence of each component, which only "
                "objective='elbo' with prior='standard_normal' has; got "
                f"objective={self.objective!r} and prior={self.prior!r}."
            )
        if self.warmup_epochs >= self.max_epochs:
            warn(
                f"warmup_epochs={self.warmup_epochs} does not end before "
                f"max_epochs={self.max_epochs}: it is cut short, so that the last "
                f"epoch has beta={self.beta:g}.",
                UserWarning,
            )

    def _architecture(self):
        """What is needed to build the networks again, as plain data."""
        return {
            "n_features": self.n_features_in_,
            "n_components": self.n_components_,
            "plan": self._plan,
            "masked": self._masked,
        }

    def _make_module(self, architecture, generator):
        """Networks of an architecture, with random weights."""
        p, plan = architecture["n_features"], architecture["plan"]
        masked = architecture["masked"]
        noise = self.noise_variance
        n_inputs = 2 * p if masked else p
        latent = self._make_latent(architecture["n_components"], n_inputs, generator)
        if noise == "batch":
            latent.codes = None  # the mean squared residual is that of draws
        if not isinstance(noise, str):
            noise = noise / self.scale_**2
        likelihood = make_likelihood(plan, noise)
        encoder, decoder = make_networks(
            self,
            n_inputs,
            latent.n_encoded,
            latent.n_decoded,
            likelihood.n_outputs,
            generator,
        )
        inputs = EncoderInput(p, masked, not continuous_columns(plan, p).all())
        return VariationalAutoencoder(inputs, encoder, decoder, latent, likelihood)

    def _make_latent(self, n_components, n_inputs, generator):
        """Kind of code, with its prior."""
        if self.latent == "bernoulli":
            return BernoulliLatent(n_components)
        if self.latent == "categorical":
            return CategoricalLatent(n_components, self.n_levels)
        if self.prior == "standard_normal":
            prior = StandardNormal()
        elif self.prior == "mixture":
            prior = GaussianMixturePrior(
                self.n_prior_components, n_components, generator
            )
        else:
            prior = VampPrior(self.n_prior_components, n_inputs)
        return NormalLatent(n_components, prior)

    def _initialize(self, module, data, generator):
        """Take from the rows what the networks start from."""
        module.likelihood.initialize(data)
        module.inputs.initialize(
            data, ~continuous_columns(self._plan, self.n_features_in_)
        )
        if self.prior == "vampprior":
            order = torch.randperm(len(data), generator=generator)
            chosen = order.repeat(-(-self.n_prior_components // len(data)))
            rows = module.observe(data[chosen[: self.n_prior_components]].cpu())
            with torch.no_grad():
                inputs = module.latent.prior.inputs
                # Equal rows would stay equal for ever.
                inputs.normal_(0.0, PSEUDO_ROW_NOISE, generator=generator)
                inputs += module.inputs(*rows)

    def _make_criterion(self):
        """What training minimizes."""
        n_draws = self.n_train_samples or (16 if self.objective == "iwae" else 1)
        settings = {"free_bits": self.free_bits} if self.objective == "elbo" else {}
        return OBJECTIVES[self.objective](
            beta=self.beta,
            warmup_epochs=min(self.warmup_epochs, self.max_epochs - 1),
            n_draws=n_draws,
            temperatures=np.geomspace(*TEMPERATURES, self.max_epochs).tolist(),
            log_scale=np.log(self.scale_),
            share_observed=self._share_observed,
            **settings,
        )

    def _names(self):
        """Names of the columns, or their indices."""
        return getattr(self, "feature_names_in_", range(self.n_features_in_))

    def _validate_training_rows(self, X, goes_on):
        if not goes_on:
            # While X still is the table that its functions choose columns from.
            self._likelihood = replace_functions(
                self.likelihood, lambda choose: choose(X)
            )
        X = super()._validate_training_rows(X, goes_on)
        self._share_observed = share_observed(X)
        if goes_on:
            check_values(self.net_.module_.likelihood, X, self._names())
        return X

    def _validate_rows(self, X):
        X = super()._validate_rows(X)
        check_values(self.net_.module_.likelihood, X, self._names())
        return X

    def _start_networks(self, data, seed, goes_on):
        module = super()._start_networks(data, seed, goes_on)
        module.complete = bool((self._share_observed == 1).all())
        return module
