"""The engine of many machines: an Apache Beam pipeline with Beam's TensorFlow inference, on any of its runners."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vae_tf.bulk.plan import Plan
from vae_tf.bulk.rows import form_of, parse_example, rows_of
from vae_tf.data.notes import Note
from vae_tf.errors import UserValueError
from vae_tf.files import atomic_directory, is_url
from vae_tf.paths import plain_path

__all__ = ["run_beam"]

_ROW_GROUP = 2**22
"""Bytes of answers that a worker holds before it writes them."""


def run_beam(plan: Plan, output: str, runner: str = "DirectRunner", options: Mapping[str, str] | None = None) -> int:
    """Write the answers to all rows as Parquet files in a folder; return how many. Order is not kept.

    Args:
        plan: what to do. Its files and its model must be where the workers reach them.
        output: the folder; a local one appears when it is complete.
        runner: one of Beam's: DirectRunner, FlinkRunner, SparkRunner, DataflowRunner, PortableRunner.
        options: the runner's own options by name, e.g. {"flink_master": "host:8081"}.

    Raises:
        UserValueError: Beam is not installed.
    """
    try:
        import apache_beam as beam
        from apache_beam.options.pipeline_options import PipelineOptions
    except ImportError as error:
        raise UserValueError(
            "--engine beam needs Apache Beam: python -m pip install -r requirements-beam.lock, in an environment of its own."
        ) from error
    arguments = [f"--runner={runner}", *(f"--{name}={value}" for name, value in (options or {}).items())]

    def run(folder: str) -> int:
        pipeline = beam.Pipeline(options=PipelineOptions(arguments))
        _build(pipeline, plan, f"{folder}/part")
        result = pipeline.run()
        result.wait_until_finish()
        counters = result.metrics().query(beam.metrics.MetricsFilter().with_name("rows"))["counters"]
        return sum(int(counter.result) for counter in counters)

    if is_url(output):
        return run(output)
    with atomic_directory(Path(output)) as folder:
        return run(str(folder))


def _build(pipeline: Any, plan: Plan, prefix: str) -> None:
    """Add the steps: read, ask, write. Nothing between them groups rows: they flow through."""
    import apache_beam as beam
    from apache_beam.io.parquetio import WriteToParquet
    from apache_beam.ml.inference.base import KeyedModelHandler, RunInference

    rows = beam.metrics.Metrics.counter("vae_tf", "rows")

    def ask(row: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        return {name: row.get(name) for name in plan.keeps}, plan.request(row)

    def answer(pair: tuple[Mapping[str, Any], Any]) -> dict[str, Any]:
        rows.inc()
        return plan.answer(pair[0], pair[1].inference)

    _ = (
        _read(pipeline, plan)
        | "Ask" >> beam.Map(ask)
        | "Infer" >> RunInference(KeyedModelHandler(_handler(plan)))
        | "Answer" >> beam.Map(answer)
        | "Write" >> WriteToParquet(prefix, plan.schema, _ROW_GROUP, file_name_suffix=".parquet")
    )


def _read(pipeline: Any, plan: Plan) -> Any:
    """Return the rows, by Beam's own readers."""
    import apache_beam as beam
    from apache_beam.io import fileio

    form = form_of(plan.pattern)
    if form == "parquet" and not plan.in_time:
        return pipeline | "Read" >> beam.io.ReadFromParquet(plan.pattern)
    if form == "tfrecord":
        return pipeline | "Read" >> beam.io.ReadFromTFRecord(plan.pattern) | "Parse" >> beam.Map(parse_example)
    files = pipeline | "Match" >> fileio.MatchFiles(plan.pattern)
    if form != "images":
        return files | "Read" >> beam.FlatMap(lambda file: rows_of(form, file.path, plan.in_time, plan.reading, _log))
    files |= "Open" >> fileio.ReadMatches()
    return files | "Read" >> beam.Map(lambda file: {"file": file.metadata.path, "image": file.read()})


def _log(note: Note) -> None:
    """Give what is to be told of a file to the worker's log, which the runner collects."""
    logging.getLogger(__name__).warning("%s", note.text)


def _handler(plan: Plan) -> Any:
    """Return Beam's TensorFlow handler for a signature of a SavedModel: it would load Keras' files only."""
    import tensorflow as tf
    from apache_beam.ml.inference.base import PredictionResult
    from apache_beam.ml.inference.tensorflow_inference import TFModelHandlerTensor

    def infer(model: Any, batch: Sequence[Any], inference_args: Any, model_id: str | None = None) -> Iterable[Any]:
        answers = plan.ask(model.signatures[plan.signature], batch)
        return [PredictionResult(request, outputs, model_id) for request, outputs in zip(batch, answers, strict=True)]

    class SignatureHandler(TFModelHandlerTensor):
        def load_model(self) -> Any:
            with plain_path(plan.model) as plain:
                return tf.saved_model.load(plain)

        def get_num_bytes(self, batch: Sequence[Mapping[str, Any]]) -> int:
            return sum(getattr(value, "nbytes", 0) for request in batch for value in request.values())

    return SignatureHandler(plan.model, inference_fn=infer, min_batch_size=1, max_batch_size=500)
