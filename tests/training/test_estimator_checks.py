"""scikit-learn's own checks of estimators, and the list of those that do not apply."""

import pytest

pytest.importorskip("sklearn", "1.7", reason="older checks do not run with this pytest")

from sklearn.utils.estimator_checks import parametrize_with_checks

from serenade.training import Estimator

_FIELDS = "keyword arguments that change the recipe are kept in one attribute, `changes`"
_MATRIX = "fits a matrix of numbers; X is a table of recordings or a list of paths"
_SPARSE = "fits a sparse matrix of numbers; X is a table of recordings or a list of paths"

NOT_APPLICABLE = {
    "check_no_attributes_set_in_init": _FIELDS,
    "check_estimator_sparse_array": _SPARSE,
    "check_estimator_sparse_matrix": _SPARSE,
    "check_estimator_sparse_tag": _SPARSE,
} | dict.fromkeys(
    (
        "check_classifier_data_not_an_array",
        "check_classifiers_classes",
        "check_classifiers_one_label",
        "check_classifiers_train",
        "check_dict_unchanged",
        "check_dont_overwrite_parameters",
        "check_estimators_dtypes",
        "check_estimators_fit_returns_self",
        "check_estimators_overwrite_params",
        "check_estimators_pickle",
        "check_f_contiguous_array_estimator",
        "check_fit2d_1feature",
        "check_fit2d_1sample",
        "check_fit_check_is_fitted",
        "check_fit_idempotent",
        "check_fit_score_takes_y",
        "check_methods_sample_order_invariance",
        "check_methods_subset_invariance",
        "check_pipeline_consistency",
        "check_positive_only_tag_during_fit",
        "check_readonly_memmap_input",
    ),
    _MATRIX,
)
"""Checks that do not apply, each with its reason.

`test_estimator.py` tests on recordings what the most important of them test on matrices: equal
models of equal seeds, order and subsets of rows, unfitted, cloned and pickled estimators.
"""


class Checked(Estimator):
    """Estimator whose tags ask for all checks; those of `Estimator` exclude matrices."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        return tags


@parametrize_with_checks(
    [Checked("whisper-probe", C=0.01)], expected_failed_checks=lambda _: NOT_APPLICABLE
)
def test_estimator_passes_the_check_of_scikit_learn(estimator, check):
    check(estimator)
