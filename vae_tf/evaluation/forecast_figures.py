"""Forecasts as a picture: the end of each series, and what follows in its band."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from vae_tf.evaluation.figures import PALETTE, styled
from vae_tf.evaluation.forecasting import BAND, Forecast

__all__ = ["forecast_figure"]

_MOST_SERIES = 3
_MOST_CHANNELS = 6
_NUM_TICKS = 5


@styled
def forecast_figure(forecasts: Sequence[Forecast], names: Sequence[str]) -> Figure:
    """Draw the first channels of the first series, what is known and what follows.

    Args:
        forecasts: one a series.
        names: of the channels.
    """
    shown, channels = forecasts[:_MOST_SERIES], names[:_MOST_CHANNELS]
    figure = Figure(figsize=(10.0, 2.0 * len(channels) * len(shown) + 0.6))
    axes = iter(np.ravel(figure.subplots(len(shown) * len(channels), 1, squeeze=False)))
    for one in shown:
        known, ahead = len(one.before), len(one.times)
        moments, times = np.arange(known + ahead), [*one.before_times, *one.times]
        for channel, name in enumerate(channels):
            axis, later = next(axes), moments[known - 1 :]
            last = one.before[-1:, channel]
            mean, low, high = (np.concatenate([last, side[:, channel]]) for side in (one.mean, one.low, one.high))
            axis.plot(moments[:known], one.before[:, channel], color=PALETTE[0], linewidth=1.2, label="was")
            axis.fill_between(later, low, high, color=PALETTE[1], alpha=0.25, linewidth=0, label=f"{BAND:.0%} of draws")
            axis.plot(later, mean, color=PALETTE[1], linewidth=1.4, label="follows")
            axis.set_ylabel(name[:16])
            ticks = np.unique(np.linspace(0, len(times) - 1, _NUM_TICKS).astype(int))
            axis.set_xticks(ticks, [times[tick][:16] for tick in ticks], fontsize=8)
            axis.margins(x=0.01)
            if one.series and not channel:
                axis.set_title(one.series[:60], loc="left")
    figure.axes[0].legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3, fontsize=8)
    return figure
