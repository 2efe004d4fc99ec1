"""Alarms as a picture: the series over what was expected of it."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from vae_tf.evaluation.alarms import Alarm, MomentScores
from vae_tf.evaluation.figures import PALETTE, styled

__all__ = ["alarm_figure"]

_MOST_CHANNELS = 6
_NUM_TICKS = 6
_LEAST = 0.002
"""Share of the picture that an alarm is wide at least."""


@styled
def alarm_figure(scores: MomentScores, threshold: float, alarms: Sequence[Alarm]) -> Figure:
    """Draw channels, with what was expected in alarms, the score below, and the alarms across.

    Args:
        scores: of moments.
        threshold: in nats.
        alarms: stretches above it.
    """
    order = range(len(scores.names))[:_MOST_CHANNELS]
    figure = Figure(figsize=(10.0, 1.7 * len(order) + 2.2))
    *fields, last = figure.subplots(len(order) + 1, 1, sharex=True)
    moments = np.arange(len(scores.times))
    for axis, channel in zip(fields, order, strict=True):
        axis.plot(moments, scores.values[:, channel], color=PALETTE[0], linewidth=1.0, label="was")
        for alarm in alarms:
            if alarm.expected is not None:
                own = moments[alarm.first : alarm.last + 1]
                axis.plot(
                    own, alarm.expected[:, channel], color=PALETTE[1], linewidth=1.4, marker="." if len(own) == 1 else None
                )
        axis.plot([], [], color=PALETTE[1], linewidth=1.4, label="expected")
        axis.set_ylabel(scores.names[channel][:16])
    last.plot(moments, scores.nats, color=PALETTE[8], linewidth=0.8)
    last.axhline(threshold, color=PALETTE[7], linewidth=1.0, linestyle="--", label="threshold")
    last.set_ylabel("nats")
    least = _LEAST * len(moments) / 2
    for axis in (*fields, last):
        for alarm in alarms:
            middle, half = (alarm.first + alarm.last) / 2, max((alarm.last - alarm.first) / 2, least)
            axis.axvspan(middle - half, middle + half, color=PALETTE[7], alpha=0.25, linewidth=0)
    ticks = np.unique(np.linspace(0, len(moments) - 1, _NUM_TICKS).astype(int))
    last.set_xticks(ticks, [str(scores.times[tick])[:16] for tick in ticks], fontsize=8)
    for axis in (fields[0], last):
        axis.legend(loc="upper right", ncols=2, fontsize=8)
    return figure
