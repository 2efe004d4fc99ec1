"""Pictures of the lessons: vector graphics in the page, which take the colours of the page around them."""

import html
from collections.abc import Callable
from typing import Any

from matplotlib.figure import Figure

from vae_tf.evaluation.figures import styled, to_svg

__all__ = ["Picture", "picture"]


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
