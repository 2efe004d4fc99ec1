"""Figures of the pages: the embedded server beside other served routes."""

from statistics import median
from typing import Any

from blocks import figure, read, table

_FIRST = "embedded, 1 worker, REST"
_FLOOR = "in process"


@figure
def served_sides() -> str:
    """Every side's throughput and latency, and what it is of the first one's in the same round."""
    found = read("serving_sides")
    rows = []
    for side in dict.fromkeys(one["side"] for one in found["results"]):
        rates, times = (_by_round(found, load, side) for load in ("throughput", "latency"))
        cells = [_spread(rates, key="throughput", digits=0), _ratios(rates, _by_round(found, "throughput", _FIRST))]
        if not times:
            cells += ["-", "-"]
        else:
            above = [one["p50"] - floor["p50"] for one, floor in zip(times, _by_round(found, "latency", _FLOOR), strict=True)]
            cells += [_spread(times, key="p50", digits=2), "-" if side == _FLOOR else _numbers(above, 2)]
        rows.append([side, *cells])
    throughput = found["loads"]["throughput"]
    many = f"requests/s, {throughput['rows']} rows, {throughput['clients']} clients"
    return table(["side", many, "of the first in the same round", "p50 ms, 1 row, 1 client", "above in process"], rows)


@figure
def served_errors() -> str:
    """What was measured, and how many requests failed."""
    found = read("serving_sides")
    loads, errors = found["loads"], sum(one["errors"] for one in found["results"])
    return (
        f"{loads['rounds']} rounds, {loads['seconds']:g} s a measurement, sides in turn; medians, in brackets least and "
        f"most of the rounds; {errors} errors."
    )


@figure
def served_beside() -> str:
    """What the table says, in words."""
    found = read("serving_sides")

    def rate(side: str, of: str) -> str:
        pairs = zip(_by_round(found, "throughput", side), _by_round(found, "throughput", of), strict=True)
        ratios = [one["throughput"] / other["throughput"] for one, other in pairs]
        return _numbers(ratios, 1)

    flat, nested = "FastAPI, 1 worker, flat rows", "FastAPI, 1 worker, rows in the model's shape"
    as_bytes, two, two_as_bytes = f"{_FIRST} with bytes", "embedded, 2 workers, REST", "embedded, 2 workers, REST with bytes"
    return (
        f"With JSON in the model's shape the embedded server answers {rate(_FIRST, nested)} times as many requests\n"
        f"as FastAPI, and {rate(_FIRST, 'BentoML, 1 worker, alone')} times as many as BentoML does with flat rows;\n"
        "FastAPI with flat rows, whose JSON is quicker to read and write, answers "
        f"{rate(flat, _FIRST)} times as many as it.\n"
        f"With bytes it answers {rate(as_bytes, flat)} times as many as FastAPI does so.\n"
        f"A second worker gives {rate(two, _FIRST)} times the requests in JSON and\n"
        f"{rate(two_as_bytes, as_bytes)} times those with bytes, where both cores are held already by the server, the\n"
        "clients and others: workers are for machines with cores to spare."
    )


def _by_round(found: dict[str, Any], load: str, side: str) -> list[dict[str, Any]]:
    return [one for one in found["results"] if (one["load"], one["side"]) == (load, side)]


def _spread(measured: list[dict[str, Any]], key: str, digits: int) -> str:
    return _numbers([one[key] for one in measured], digits)


def _ratios(measured: list[dict[str, Any]], first: list[dict[str, Any]]) -> str:
    ratios = [one["throughput"] / other["throughput"] for one, other in zip(measured, first, strict=True)]
    return _numbers(ratios, 2)


def _numbers(values: list[float], digits: int) -> str:
    return f"{median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"
