"""Peers that need other versions of NumPy: they run in an environment of their own.

    python -m venv .peers && .peers/bin/pip install -r benchmarks/peers.txt
    SKLATENT_PEERS=.peers/bin/python python -m benchmarks dimension
    SKLATENT_PEERS=.peers/bin/python python -m benchmarks neural_peers

That interpreter runs this file as a program. It reads one job per line, the name of a
function below with its arguments as JSON, and answers with a line of JSON.
"""

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
        return json.loads(self.process.stdout.readline())


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
        print(json.dumps(globals()[name](files[path], **arguments)), file=answers)
        answers.flush()


if __name__ == "__main__":
    serve()
