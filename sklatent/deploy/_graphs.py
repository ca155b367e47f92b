"""Graphs of ONNX operators for the linear-Gaussian models and the Gaussian mixture.

Everything is computed in double precision, as the estimators do: rows are cast to it
when they come in, and results cast back. Distances are those of centered rows.
"""

import numpy as np
from scipy.linalg import cho_solve

from sklatent.decomposition import PCA

# Of the operators and of the format: runtimes of the last two years read these.
OPSET, IR_VERSION = 18, 10


class Graph:
    """A graph that is built operator by operator.

    Parameters
    ----------
    name : str
        Of the output.
    n_columns : int
        Of the input.
    dtype : {"float32", "float64"}
        Of input and output.
    """

    def __init__(self, name, n_columns, dtype):
        self.name, self.n_columns = name, n_columns
        self.dtype = self._type(dtype)
        self.nodes, self.constants = [], []
        self.X = self("Cast", "X", to=self._type("float64"))

    def _type(self, dtype):
        from onnx.helper import np_dtype_to_tensor_dtype

        return np_dtype_to_tensor_dtype(np.dtype(dtype))

    def __call__(self, operator, *inputs, **attributes):
        """Add an operator, whose inputs are names or arrays; return its output."""
        from onnx.helper import make_node
        from onnx.numpy_helper import from_array

        names = []
        for value in inputs:
            if not isinstance(value, str):
                value, array = f"constant_{len(self.constants)}", np.asarray(value)
                self.constants.append(from_array(array, value))
            names.append(value)
        output = f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(make_node(operator, names, [output], **attributes))
        return output

    def sum_of_squares(self, rows, axis):
        """Squared length along an axis."""
        return self("ReduceSumSquare", rows, np.array([axis]), keepdims=0)

    def model(self, output, shape, dtype=None):
        """Return the model whose output this is, with one row per row of the input."""
        from onnx import checker, helper

        dtype = self.dtype if dtype is None else self._type(dtype)
        self("Cast", output, to=dtype)
        self.nodes[-1].output[0] = self.name
        graph = helper.make_graph(
            self.nodes,
            "sklatent",
            [self._rows("X", self.dtype, [self.n_columns])],
            [self._rows(self.name, dtype, shape)],
            self.constants,
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
        )
        checker.check_model(model, full_check=True)
        return model

    def _rows(self, name, dtype, shape):
        from onnx.helper import make_tensor_value_info

        return make_tensor_value_info(name, dtype, ["n_samples", *shape])


def describe(model, name, version):
    """Say in a model which estimator it is of."""
    model.producer_name, model.producer_version = "sklatent", version
    model.doc_string = f"{name} of sklatent {version}"


# Linear-Gaussian models


def transform(estimator, method, dtype):
    """Graph of (x - mu) K, where K makes codes of centered rows."""
    model = estimator._model()
    if isinstance(estimator, PCA):
        scale = estimator._scale()
        inverse = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0)
        K = estimator.components_.T * inverse
    else:
        K = posterior_map(model)
    graph = Graph(method, estimator.n_features_in_, dtype)
    centered = graph("Sub", graph.X, model.mu)
    return graph.model(graph("MatMul", centered, K), [K.shape[1]])


def inverse_transform(estimator, method, dtype):
    """Graph of z W' + mu."""
    model = estimator._model()
    W = model.W
    if isinstance(estimator, PCA):
        W = (estimator.components_ * estimator._scale()[:, None]).T
    graph = Graph(method, W.shape[1], dtype)
    rows = graph("Add", graph("MatMul", graph.X, W.T), model.mu)
    return graph.model(rows, [len(model.mu)])


def log_density(estimator, method, dtype):
    """Graph of log N(x; mu, W W' + diag psi), as LinearGaussian.log_density has it."""
    model = estimator._model()
    graph = Graph(method, len(model.mu), dtype)
    centered = graph("Sub", graph.X, model.mu)
    mean = graph("MatMul", centered, posterior_map(model))
    residual = graph("Sub", centered, graph("MatMul", mean, model.W.T))
    residual = graph("Div", residual, np.sqrt(model.psi))
    distance2 = graph(
        "Add", graph.sum_of_squares(residual, 1), graph.sum_of_squares(mean, 1)
    )
    at_mean = float(model.log_density(model.mu[None])[0])
    half = graph("Mul", distance2, np.array(-0.5))
    return graph.model(graph("Add", half, np.array(at_mean)), [])


def posterior_map(model):
    """K in E[z | x] = (x - mu) K, which is psi^-1 W M^-1."""
    return cho_solve(model.cho_M(), (model.W / model.psi[:, None]).T).T


# Gaussian mixtures


def mixture_log_density(estimator, method, dtype):
    """Graph of log sum_k w_k N(x; mu_k, C_k)."""
    graph, joint = mixture_joint(estimator, method, dtype)
    total = graph("ReduceLogSumExp", joint, np.array([1]), keepdims=0)
    return graph.model(total, [])


def mixture_probabilities(estimator, method, dtype):
    """Graph of the probability of each component given a row."""
    graph, joint = mixture_joint(estimator, method, dtype)
    return graph.model(graph("Softmax", joint, axis=1), [estimator.n_components_])


def mixture_labels(estimator, method, dtype):
    """Graph of the number of the most probable component."""
    graph, joint = mixture_joint(estimator, method, dtype)
    label = graph("ArgMax", joint, axis=1, keepdims=0)
    return graph.model(label, [], "int64")


def mixture_joint(estimator, method, dtype):
    """Graph and name of log w_k + log N(x; mu_k, C_k), (n, K)."""
    means = np.asarray(estimator.means_, dtype=np.float64)
    root = np.asarray(estimator.precisions_cholesky_, dtype=np.float64)
    weights = np.asarray(estimator.weights_, dtype=np.float64)
    p = means.shape[1]
    kind = estimator.covariance_type_
    graph = Graph(method, p, dtype)
    # (K, n, p): rows about the mean of each component.
    centered = graph("Sub", graph("Unsqueeze", graph.X, np.array([0])), means[:, None])
    if kind in ("full", "tied"):
        scaled = graph("MatMul", centered, root)
        diagonal = np.diagonal(root, axis1=-2, axis2=-1)
    else:
        diagonal = np.broadcast_to(root.reshape(len(root), -1), means.shape)
        scaled = graph("Mul", centered, diagonal[:, None].copy())
    distance2 = graph("Transpose", graph.sum_of_squares(scaled, 2), perm=[1, 0])
    log_det = np.log(np.abs(diagonal)).sum(axis=-1)
    with np.errstate(divide="ignore"):  # of a component without weight
        at_means = np.log(weights) + log_det - p / 2 * np.log(2 * np.pi)
    half = graph("Mul", distance2, np.array(-0.5))
    return graph, graph("Add", half, at_means)
