"""Gradients of networks, written out as products of matrices.

Where the networks are small, recording and replaying operations takes longer than the
operations do. `vjp` returns what a module makes of its input, and a function that takes
a gradient by the output back to one by the input, and adds to those of the parameters:
Griewank and Walther (2008), section 3.2, where it is the reverse mode. Networks without
an entry in `WRITTEN_OUT`, above all the user's, are left to autograd.
"""

import math

import torch
from torch import nn

from sklatent.neural.networks._layers import Skip, Transposed

aten = torch.ops.aten


def vjp(module, x, of_input=True, owned=False):
    """Return the output of a module, and the function that pulls a gradient back.

    Parameters
    ----------
    module : torch.nn.Module
        The network, in training.
    x : Tensor of shape (n, n_in)
        Its input.
    of_input : bool, default=True
        Whether the gradient by the input is asked for.
    owned : bool, default=False
        Whether nobody else reads the input, so that activations may overwrite it.

    Returns
    -------
    output : Tensor of shape (n, n_out)
        Without a history.
    pullback : callable
        Called once, it takes a gradient by the output to that by the input, or to
        None, and adds to `grad` of the parameters.
    """
    written_out = WRITTEN_OUT.get(type(module))
    if written_out is None or any(hooks_of(module)):
        return by_autograd(module, x, of_input)
    if written_out in IN_PLACE and not owned:
        x = x.clone()
    return written_out(module, x, of_input)


def hooks_of(module):
    """Return the collections of what calling a module does besides."""
    return (
        module._forward_hooks,
        module._forward_pre_hooks,
        module._backward_hooks,
        module._backward_pre_hooks,
    )


def by_autograd(function, x, of_input=True):
    """`vjp` of any function, or module, whose operations are recorded."""
    with torch.enable_grad():
        x = x.detach().requires_grad_(of_input)
        output = function(x)

    def pullback(gradient):
        if output.requires_grad:
            output.backward(gradient)
        if of_input and x.grad is None:  # it does not depend on its input
            return torch.zeros_like(x)
        return x.grad

    return output.detach(), pullback


def gradient_of(parameter):
    """Return the tensor to which the gradient of a parameter is added."""
    if not parameter.requires_grad:
        return torch.empty_like(parameter)  # nobody reads it
    if parameter.grad is None:
        parameter.grad = torch.zeros_like(parameter)
    return parameter.grad


def linear(layer, x, of_input):
    """Linear map y = x W' + b, so that ∂W = ∂y' x, ∂b = Σ ∂y and ∂x = ∂y W."""
    weight, bias = layer.weight, layer.bias

    def pullback(gradient):
        gradient_of(weight).addmm_(gradient.T, x)
        if bias is not None:
            gradient_of(bias).add_(gradient.sum(0))
        return gradient.mm(weight) if of_input else None

    y = x.mm(weight.T) if bias is None else torch.addmm(bias, x, weight.T)
    return y, pullback


def transposed(layer, x, of_input):
    """Linear map y = x W + b, so that ∂W = x' ∂y, ∂b = Σ ∂y and ∂x = ∂y W'."""
    weight, bias = layer.weight, layer.bias

    def pullback(gradient):
        gradient_of(weight).addmm_(x.T, gradient)
        if bias is not None:
            gradient_of(bias).add_(gradient.sum(0))
        return gradient.mm(weight.T) if of_input else None

    y = x.mm(weight) if bias is None else torch.addmm(bias, x, weight)
    return y, pullback


def derivative(backward, *args):
    """Pull back through an activation, by PyTorch's kernel for it."""

    @torch.no_grad()
    def pullback(gradient):
        # Into memory of its own, which a step that is repeated can write to again.
        into = torch.empty_like(gradient)
        return backward.grad_input(gradient, *args, grad_input=into)

    return pullback


def identity(layer, x, of_input):
    """No activation, y = x."""
    return x, lambda gradient: gradient


def elu(layer, x, of_input):
    """Exponential unit y = x, or α (e^x - 1) below 0, where y' = y + α."""
    y = nn.functional.elu(x, layer.alpha, inplace=True)
    return y, derivative(aten.elu_backward, layer.alpha, 1.0, 1.0, True, y)


def gelu(layer, x, of_input):
    """Gaussian unit y = x Φ(x), where y' = Φ(x) + x φ(x)."""
    if layer.approximate != "none":
        return by_autograd(layer, x, of_input)
    if x.numel() > FEW:
        return nn.functional.gelu(x), derivative(aten.gelu_backward, x)
    # PyTorch's kernel for the derivative computes Φ, the slowest part, once more.
    cdf = (x * 0.5**0.5).erf_().mul_(0.5).add_(0.5)

    def pullback(gradient):
        density = x.square().mul_(-0.5).exp_()  # times √2π
        torch.addcmul(cdf, x, density, value=1 / SQRT_2PI, out=density)
        return density.mul_(gradient)

    return x * cdf, pullback


def leaky_relu(layer, x, of_input):
    """Leaky unit y = x, or a x below 0."""
    slope = layer.negative_slope
    y = nn.functional.leaky_relu(x, slope, inplace=True)
    return y, derivative(aten.leaky_relu_backward, y, slope, True)


def logistic(layer, x, of_input):
    """Logistic y = 1 / (1 + e^-x), where y' = y (1 - y)."""
    y = x.sigmoid_()
    return y, derivative(aten.sigmoid_backward, y)


def relu(layer, x, of_input):
    """Rectifier y = max(x, 0)."""
    y = x.relu_()
    return y, derivative(aten.threshold_backward, y, 0)


def selu(layer, x, of_input):
    """Scaled exponential unit, s times that of `elu`."""
    y = nn.functional.selu(x, inplace=True)
    return y, derivative(aten.elu_backward, *SELU, 1.0, True, y)


def softplus(layer, x, of_input):
    """Softplus y = log(1 + e^x)."""
    y = nn.functional.softplus(x)
    return y, derivative(aten.softplus_backward, x, layer.beta, layer.threshold)


def tanh(layer, x, of_input):
    """Hyperbolic tangent y = tanh x, where y' = 1 - y²."""
    y = x.tanh_()
    return y, derivative(aten.tanh_backward, y)


# Numbers that fit the fastest cache, so that several operations on them cost little
# more than one.
FEW = 2**14
SQRT_2PI = math.sqrt(2 * math.pi)
# α and scale of Klambauer et al. (2017), eq. 2.
SELU = 1.6732632423543772, 1.0507009873554805


def chain(network, x, of_input):
    """Layers one after the other."""
    pullbacks = []
    owned = False
    for layer in network:
        x, pullback = vjp(layer, x, of_input, owned)
        pullbacks.append(pullback)
        of_input = True
        owned = type(layer) in MAKES_OUTPUT and not any(hooks_of(layer))

    def pull_all(gradient):
        for pullback in reversed(pullbacks):
            gradient = pullback(gradient)
        return gradient

    return x, pull_all


def skip(module, x, of_input):
    """Sum of a network and of a linear map."""
    y, of_network = vjp(module.network, x, of_input)
    straight, of_linear = vjp(module.linear, x, of_input)

    def pullback(gradient):
        by_linear = of_linear(gradient)
        by_network = of_network(gradient)
        return by_network + by_linear if of_input else None

    return y + straight, pullback


# Activations that overwrite their input, and layers whose output nobody else reads.
IN_PLACE = {elu, leaky_relu, logistic, relu, selu, tanh}
MAKES_OUTPUT = {nn.Linear, Transposed, Skip}
WRITTEN_OUT = {
    nn.ELU: elu,
    nn.GELU: gelu,
    nn.Identity: identity,
    nn.LeakyReLU: leaky_relu,
    nn.Linear: linear,
    nn.ReLU: relu,
    nn.SELU: selu,
    nn.Sequential: chain,
    nn.Sigmoid: logistic,
    nn.Softplus: softplus,
    nn.Tanh: tanh,
    Skip: skip,
    Transposed: transposed,
}
