"""Products of matrices."""

import torch
import torch.nn.functional as F

SHAPES = {
    "matrices": ((3, 4), (4, 5)),
    "tall": ((7, 1), (1, 3)),
    "vector_matrix": ((4,), (4, 3)),
    "matrix_vector": ((3, 4), (4,)),
    "vectors": ((5,), (5,)),
    "stack": ((2, 3, 4), (2, 4, 2)),
    "stack_by_matrix": ((2, 3, 4), (4, 2)),
    "matrix_by_stack": ((3, 4), (2, 4, 2)),
    "broadcast": ((2, 1, 2, 3), (3, 3, 2)),
    "nothing_inside": ((2, 0), (0, 3)),
}


def add_cases(family):
    case = family.case
    for how, (a, b) in SHAPES.items():
        case(f"matmul.{how}", torch.matmul, lambda draw: [draw(*a), draw(*b)])
    case("matmul.transposed", lambda a, b: a.T @ b.T, lambda draw: [draw(4, 3), draw(2, 4)])
    case("matmul.itself", lambda a: a @ a.T, lambda draw: [draw(3, 4)])
    linear = lambda x, weight, bias: F.linear(x, weight.T, bias)
    case("linear.batch", linear, lambda draw: [draw(3, 4), draw(4, 5), draw(5)])
    case("linear.vector", linear, lambda draw: [draw(4), draw(4, 5), draw(5)])
    case("linear.rank3", linear, lambda draw: [draw(2, 3, 4), draw(4, 2), draw(2)])
