"""Bounds, what the latent holds, use of codes, samples, pictures, and the report.

Names are imported when they are first used: scikit-learn and matplotlib take seconds that training does not need.
"""

from typing import TYPE_CHECKING

from vae_tf.lazy import lazy_names

if TYPE_CHECKING:
    from vae_tf.evaluation.alarms import Alarm, MomentScores, expect, find_alarms, score_moments, threshold_of
    from vae_tf.evaluation.anomaly import Detection, Scores, as_model_inputs, measure_detection, score_examples
    from vae_tf.evaluation.asked_rows import AskedRows, ask_rows
    from vae_tf.evaluation.assessment import PARTS, Assessment, AssessmentSettings, Subject, assess
    from vae_tf.evaluation.bounds import BoundEstimates, BoundEstimator, ExampleBounds, stderr
    from vae_tf.evaluation.calibration import Calibration, measure_calibration
    from vae_tf.evaluation.code_use import CodeUse, measure_code_use
    from vae_tf.evaluation.codes import encode_means
    from vae_tf.evaluation.column_nats import ColumnNats, least_learned, measure_column_nats
    from vae_tf.evaluation.comparison import Comparison, compare_models, comparison_figure, comparison_rows, hole_rows
    from vae_tf.evaluation.conditioning import Conditioner
    from vae_tf.evaluation.curve import CurveVerdict, read_curve
    from vae_tf.evaluation.disentanglement import Disentanglement, measure_disentanglement
    from vae_tf.evaluation.ex_post import fit_codes
    from vae_tf.evaluation.features import FeatureSpace, make_feature_space
    from vae_tf.evaluation.figures import (
        PALETTE,
        calibration_figure,
        code_figure,
        convergence_figure,
        factor_figure,
        figure_with_pictures,
        hole_figure,
        kl_figure,
        learning_figure,
        save_figure,
        scatter_figure,
        score_figure,
        styled,
        to_svg,
    )
    from vae_tf.evaluation.filled_tables import FilledTables, Filling, Gaps, fill_table, find_gaps
    from vae_tf.evaluation.findings import (
        Finding,
        collapse_findings,
        collapsed_blocks,
        diagnose_bounds,
        diagnose_curve,
        diagnose_generation,
        diagnose_latent,
    )
    from vae_tf.evaluation.forecast_figures import forecast_figure
    from vae_tf.evaluation.forecasting import Forecast, ForecastAccuracy, Forecaster
    from vae_tf.evaluation.gaps import draw_gaps, gap_rates, miss_together, with_gaps
    from vae_tf.evaluation.generation import (
        Generation,
        HoleScore,
        Memorization,
        fitted_gaussian,
        frechet_distance,
        generate_examples,
        measure_generation,
        measure_holes,
        precision_and_recall,
    )
    from vae_tf.evaluation.gradients import GradientStatistics, GridPoint, Laboratory, verdict
    from vae_tf.evaluation.imputing import Filled, Imputer, WeightedRows, fill
    from vae_tf.evaluation.laboratory import (
        LearningCurve,
        Stage,
        curve_figure,
        estimator_grid,
        grid_figure,
        learning_curves,
        measure_grid,
        measure_stages,
        stage_figure,
    )
    from vae_tf.evaluation.latent_statistics import (
        ACTIVE_VARIANCE,
        AxisStatistics,
        BlockStatistics,
        Bracket,
        InformationEstimates,
        LatentStatistics,
        count_active,
        measure_latent,
    )
    from vae_tf.evaluation.nearness import Nearness, measure_nearness, nearest_training
    from vae_tf.evaluation.neighbours import Neighbours, find_neighbours
    from vae_tf.evaluation.obvious.base import Obvious, ObviousComparison
    from vae_tf.evaluation.pictures import (
        grid_pixels,
        in_square,
        interpolation_codes,
        interpolation_grid,
        manifold_grid,
        pair_grid,
        reconstruction_grid,
        sample_grid,
        save_grid,
        to_pixels,
        traversal_grid,
    )
    from vae_tf.evaluation.projector import label_texts, write_projector
    from vae_tf.evaluation.report import ReportedRun, render_report
    from vae_tf.evaluation.representation import (
        Clustering,
        LabelledExamples,
        Representation,
        clustering_accuracy,
        measure_representation,
    )
    from vae_tf.evaluation.row_scores import SCORE_SAMPLES, RowScorer
    from vae_tf.evaluation.table_page import TablePage, make_table_page
    from vae_tf.evaluation.text_copies import TextCopies, measure_text_copies, nearest_texts
    from vae_tf.evaluation.topics import Topic, TopicQuality, find_topics, measure_topics, plain_topics
    from vae_tf.evaluation.viewer import View, Viewer

__all__ = [
    "ACTIVE_VARIANCE",
    "PALETTE",
    "PARTS",
    "SCORE_SAMPLES",
    "Alarm",
    "AskedRows",
    "Assessment",
    "AssessmentSettings",
    "AxisStatistics",
    "BlockStatistics",
    "BoundEstimates",
    "BoundEstimator",
    "Bracket",
    "Calibration",
    "Clustering",
    "CodeUse",
    "ColumnNats",
    "Comparison",
    "Conditioner",
    "CurveVerdict",
    "Detection",
    "Disentanglement",
    "ExampleBounds",
    "FeatureSpace",
    "Filled",
    "FilledTables",
    "Filling",
    "Finding",
    "Forecast",
    "ForecastAccuracy",
    "Forecaster",
    "Gaps",
    "Generation",
    "GradientStatistics",
    "GridPoint",
    "HoleScore",
    "Imputer",
    "InformationEstimates",
    "LabelledExamples",
    "Laboratory",
    "LatentStatistics",
    "LearningCurve",
    "Memorization",
    "MomentScores",
    "Nearness",
    "Neighbours",
    "Obvious",
    "ObviousComparison",
    "ReportedRun",
    "Representation",
    "RowScorer",
    "Scores",
    "Stage",
    "Subject",
    "TablePage",
    "TextCopies",
    "Topic",
    "TopicQuality",
    "View",
    "Viewer",
    "WeightedRows",
    "as_model_inputs",
    "ask_rows",
    "assess",
    "calibration_figure",
    "clustering_accuracy",
    "code_figure",
    "collapse_findings",
    "collapsed_blocks",
    "compare_models",
    "comparison_figure",
    "comparison_rows",
    "convergence_figure",
    "count_active",
    "curve_figure",
    "diagnose_bounds",
    "diagnose_curve",
    "diagnose_generation",
    "diagnose_latent",
    "draw_gaps",
    "encode_means",
    "estimator_grid",
    "expect",
    "factor_figure",
    "figure_with_pictures",
    "fill",
    "fill_table",
    "find_alarms",
    "find_gaps",
    "find_neighbours",
    "find_topics",
    "fit_codes",
    "fitted_gaussian",
    "forecast_figure",
    "frechet_distance",
    "gap_rates",
    "generate_examples",
    "grid_figure",
    "grid_pixels",
    "hole_figure",
    "hole_rows",
    "in_square",
    "interpolation_codes",
    "interpolation_grid",
    "kl_figure",
    "label_texts",
    "learning_curves",
    "learning_figure",
    "least_learned",
    "make_feature_space",
    "make_table_page",
    "manifold_grid",
    "measure_calibration",
    "measure_code_use",
    "measure_column_nats",
    "measure_detection",
    "measure_disentanglement",
    "measure_generation",
    "measure_grid",
    "measure_holes",
    "measure_latent",
    "measure_nearness",
    "measure_representation",
    "measure_stages",
    "measure_text_copies",
    "measure_topics",
    "miss_together",
    "nearest_texts",
    "nearest_training",
    "pair_grid",
    "plain_topics",
    "precision_and_recall",
    "read_curve",
    "reconstruction_grid",
    "render_report",
    "sample_grid",
    "save_figure",
    "save_grid",
    "scatter_figure",
    "score_examples",
    "score_figure",
    "score_moments",
    "stage_figure",
    "stderr",
    "styled",
    "threshold_of",
    "to_pixels",
    "to_svg",
    "traversal_grid",
    "verdict",
    "with_gaps",
    "write_projector",
]

_MODULES = {
    name: module
    for module, names in {
        "alarms": "Alarm MomentScores expect find_alarms score_moments threshold_of",
        "anomaly": "Detection Scores as_model_inputs measure_detection score_examples",
        "asked_rows": "AskedRows ask_rows",
        "assessment": "Assessment AssessmentSettings PARTS Subject assess",
        "bounds": "BoundEstimates BoundEstimator ExampleBounds stderr",
        "calibration": "Calibration measure_calibration",
        "code_use": "CodeUse measure_code_use",
        "codes": "encode_means",
        "column_nats": "ColumnNats least_learned measure_column_nats",
        "comparison": "Comparison compare_models comparison_figure comparison_rows hole_rows",
        "conditioning": "Conditioner",
        "curve": "CurveVerdict read_curve",
        "disentanglement": "Disentanglement measure_disentanglement",
        "ex_post": "fit_codes",
        "features": "FeatureSpace make_feature_space",
        "figures": (
            "PALETTE calibration_figure code_figure convergence_figure factor_figure figure_with_pictures hole_figure "
            "kl_figure learning_figure save_figure scatter_figure score_figure styled to_svg"
        ),
        "filled_tables": "FilledTables Filling Gaps fill_table find_gaps",
        "findings": (
            "Finding collapse_findings collapsed_blocks diagnose_bounds diagnose_curve diagnose_generation diagnose_latent"
        ),
        "forecast_figures": "forecast_figure",
        "forecasting": "Forecast ForecastAccuracy Forecaster",
        "gaps": "draw_gaps gap_rates miss_together with_gaps",
        "generation": (
            "Generation HoleScore Memorization fitted_gaussian frechet_distance generate_examples "
            "measure_generation measure_holes precision_and_recall"
        ),
        "gradients": "GradientStatistics GridPoint Laboratory verdict",
        "imputing": "Filled Imputer WeightedRows fill",
        "laboratory": (
            "LearningCurve Stage curve_figure estimator_grid grid_figure learning_curves measure_grid "
            "measure_stages stage_figure"
        ),
        "latent_statistics": (
            "ACTIVE_VARIANCE AxisStatistics BlockStatistics Bracket InformationEstimates LatentStatistics "
            "count_active measure_latent"
        ),
        "neighbours": "Neighbours find_neighbours",
        "nearness": "Nearness measure_nearness nearest_training",
        "obvious.base": "Obvious ObviousComparison",
        "pictures": (
            "grid_pixels in_square interpolation_codes interpolation_grid manifold_grid pair_grid reconstruction_grid "
            "sample_grid save_grid to_pixels traversal_grid"
        ),
        "projector": "label_texts write_projector",
        "report": "ReportedRun render_report",
        "row_scores": "RowScorer SCORE_SAMPLES",
        "representation": "Clustering LabelledExamples Representation clustering_accuracy measure_representation",
        "table_page": "TablePage make_table_page",
        "text_copies": "TextCopies measure_text_copies nearest_texts",
        "topics": "Topic TopicQuality find_topics measure_topics plain_topics",
        "viewer": "View Viewer",
    }.items()
    for name in names.split()
}

__getattr__ = lazy_names(__name__, _MODULES)
