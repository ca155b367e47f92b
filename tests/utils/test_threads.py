"""Numbers of BLAS threads, read from the libraries themselves."""

import threading

import pytest
from threadpoolctl import ThreadpoolController

from sklatent.utils._threads import map_threads, single_blas_thread


def numbers():
    libraries = ThreadpoolController().select(user_api="blas").lib_controllers
    return [library.num_threads for library in libraries]


def test_one_thread_inside_and_as_many_as_before_outside():
    before = numbers()
    with single_blas_thread:
        with single_blas_thread:
            assert set(numbers()) == {1}
        assert set(numbers()) == {1}
    assert numbers() == before


def test_a_function_that_fails_leaves_the_numbers():
    before = numbers()
    with pytest.raises(ZeroDivisionError):
        map_threads(lambda i: 1 / i, [1, 0], 2)
    assert numbers() == before


def test_the_last_thread_to_go_need_not_be_the_first_that_came():
    before = numbers()
    came, gone = threading.Event(), threading.Event()

    def stay():
        with single_blas_thread:
            came.set()
            gone.wait()

    other = threading.Thread(target=stay)
    with single_blas_thread:
        other.start()
        came.wait()
    assert set(numbers()) == {1}
    gone.set()
    other.join()
    assert numbers() == before
