"""Pictures of the lessons: vector graphics in the page, which take the colours of the page around them; and films."""

import base64
import html
import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from vae_tf.evaluation.figures import styled, to_svg

__all__ = ["Film", "Picture", "film", "picture"]


class Picture:
    """A figure in the page, with a text for those who do not see it.

    Args:
        figure: of matplotlib.
        text: what there is to see.
    """

    def __init__(self, figure: Figure, text: str) -> None:
        label = html.escape(text, quote=True)
        self.svg = to_svg(figure).replace('role="img"', f'role="img" aria-label="{label}"', 1)
        self.text = text

    def _repr_html_(self) -> str:
        """Return what Jupyter shows."""
        return f'<figure class="picture">{self.svg}<figcaption>{html.escape(self.text)}</figcaption></figure>'


def picture(
    text: str, size: tuple[float, float], rows: int = 1, columns: int = 1
) -> Callable[[Callable[[Any], None]], Picture]:
    """Draw by a function of the axes, in the style of the reports; the function's name becomes the picture.

    Args:
        text: what there is to see; it stands under the picture.
        size: width and height in inches.
        rows: of axes.
        columns: of axes.
    """

    def decorate(draw: Callable[[Any], None]) -> Picture:
        @styled
        def drawn() -> Figure:
            figure = Figure(figsize=size)
            draw(figure.subplots(rows, columns))
            return figure

        return Picture(drawn(), text)

    return decorate


class Film:
    """Pictures of equal size that follow each other, with a slider (film.js) to hold one. Who wants less motion sees the last.

    Args:
        figures: of matplotlib, in colours that are seen on white and on black.
        names: of the pictures, for the slider.
        text: what there is to see.
    """

    def __init__(self, figures: Sequence[Figure], names: Sequence[str], text: str) -> None:
        self.frames = [np.asarray(_drawn(figure)) for figure in figures]
        self.names = list(names)
        self.text = text

    def _repr_html_(self) -> str:
        """Return one wide picture, of which site.css shows a frame at a time."""
        buffer = io.BytesIO()
        Image.fromarray(np.concatenate(self.frames, axis=1)).save(buffer, "WEBP", quality=80, method=6)
        source = base64.b64encode(buffer.getvalue()).decode()
        height, width, _ = self.frames[0].shape
        num = len(self.frames)
        text, names = html.escape(self.text), html.escape("|".join(self.names))
        style = f"aspect-ratio: {width} / {height}; background-size: {100 * num}% 100%; --frames: {num};"
        return (
            f'<figure class="picture film"><div role="img" aria-label="{text}" '
            f"style=\"{style} background-image: url('data:image/webp;base64,{source}')\"></div>"
            f'<input type="range" max="{num - 1}" value="{num - 1}" data-names="{names}" aria-label="Hold a picture">'
            f"<figcaption>{text}</figcaption></figure>"
        )


def _drawn(figure: Figure) -> Image.Image:
    """Return a figure's pixels with their transparency."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba()))


def film(text: str, size: tuple[float, float], values: Sequence[Any], name: str) -> Callable[[Callable[..., None]], Film]:
    """Draw a film by a function of an axis and a value.

    Args:
        text: what there is to see; it stands under the film.
        size: width and height in inches, of 100 pixels.
        values: one a picture.
        name: of the value, for the slider.
    """

    def decorate(draw: Callable[..., None]) -> Film:
        @styled
        def drawn(value: Any) -> Figure:
            figure = Figure(figsize=size, dpi=100)
            draw(figure.subplots(), value)
            return figure

        return Film([drawn(value) for value in values], [f"{name} {value:.2g}" for value in values], text)

    return decorate
