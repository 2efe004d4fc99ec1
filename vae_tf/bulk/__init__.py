"""Bulk: a servable's signature over files of any number of rows, in this process or by Apache Beam."""

from vae_tf.bulk.beam_engine import run_beam
from vae_tf.bulk.local_engine import run_local
from vae_tf.bulk.plan import Plan, find_servable, make_plan
from vae_tf.bulk.rows import parse_example, read_rows

__all__ = ["Plan", "find_servable", "make_plan", "parse_example", "read_rows", "run_beam", "run_local"]
