"""Plain models of texts: an n-gram of characters, and a compressor."""

import lzma
import math
from collections import Counter
from collections.abc import Iterable, Sequence

__all__ = ["WittenBell", "best_ngram", "compressed_bits"]

_MAX_ORDER = 7
_START = "\N{START OF TEXT}"


class WittenBell:
    """An interpolated n-gram of characters (Witten and Bell 1991; Chen and Goodman 1999, section 2.4).

    p(c | h) = (count(hc) + kinds(h) p(c | h')) / (count(h) + kinds(h)): kinds(h) is how many characters followed h, and h' is h
    without its first character; the last resort is the uniform distribution over the alphabet.

    Args:
        texts: to count in; each is one string with its end mark, where it has one.
        order: characters of the longest n-gram.
        alphabet_size: characters there are, the end mark and the unknown one among them.

    Example:
        >>> model = WittenBell(["ab.", "aa."], order=2, alphabet_size=3)
        >>> round(sum(model.probabilities("a", character)[-1] for character in "ab."), 12)
        1.0
    """

    def __init__(self, texts: Iterable[str], order: int, alphabet_size: int) -> None:
        self.order = order
        self.alphabet_size = alphabet_size
        self._counts: Counter[str] = Counter()
        for text in texts:
            begun = _START + text
            for end in range(2, len(begun) + 1):
                self._counts.update([begun[end - length : end] for length in range(1, min(order, end) + 1)])
        self._totals: Counter[str] = Counter()
        self._kinds: Counter[str] = Counter()
        for gram, count in self._counts.items():
            self._totals[gram[:-1]] += count
            self._kinds[gram[:-1]] += 1

    def probabilities(self, before: str, character: str) -> list[float]:
        """Return p(character | the end of `before`) by n-grams of length 1, 2, ... up to the order."""
        history = (_START + before)[-(self.order - 1) :] if self.order > 1 else ""
        p, found = 1.0 / self.alphabet_size, []
        for length in range(self.order):
            context = history[max(0, len(history) - length) :]
            total = self._totals[context] if length <= len(history) else 0
            if total:
                kinds = self._kinds[context]
                p = (self._counts[context + character] + kinds * p) / (total + kinds)
            found.append(p)
        return found

    def bits(self, text: str) -> list[float]:
        """Return the bits of a text by n-grams of length 1, 2, ... up to the order."""
        sums = [0.0] * self.order
        for end, character in enumerate(text):
            for length, p in enumerate(self.probabilities(text[max(0, end - self.order + 1) : end], character)):
                sums[length] -= math.log2(p)
        return sums


def best_ngram(
    train: Sequence[str], validation: Sequence[str], test: Sequence[str], alphabet_size: int
) -> tuple[list[float], int]:
    """Return the bits of every test text by the n-gram whose length is best on validation, and that length."""
    model = WittenBell(train, _MAX_ORDER, alphabet_size)
    sums = [sum(bits) for bits in zip(*map(model.bits, validation), strict=True)]
    best = min(range(_MAX_ORDER), key=sums.__getitem__) if sums else _MAX_ORDER - 1
    return [model.bits(text)[best] for text in test], best + 1


def compressed_bits(train: Sequence[str], test: Sequence[str]) -> float:
    """Return how many bits more LZMA needs for the training texts with the test texts behind them than for the first alone.

    Example:
        >>> lines = ["to be or not to be"] * 50
        >>> compressed_bits(lines, lines) < 8 * 100
        True
    """
    before, behind = ("".join(f"{text}\n" for text in texts).encode() for texts in (train, test))
    return 8.0 * (_size(before + behind) - _size(before))


def _size(data: bytes) -> int:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": 2**26}]
    return len(lzma.compress(data, format=lzma.FORMAT_RAW, filters=filters))
