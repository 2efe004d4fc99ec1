"""The account of a folder of pictures: what was found, what is used, and what is done to it, in sentences."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from vae_tf.data.file_search import Found
from vae_tf.data.image_files import Frame
from vae_tf.data.notes import Note, few, listed
from vae_tf.data.pictures import Header, Refused

__all__ = ["account_of", "refusal"]


def refusal(refused: Sequence[Refused], found: Found) -> str:
    """Say in one line which files cannot be read, and why."""
    reasons = Counter(one.reason for one in refused)
    names = few([f"{'/'.join(found.parts(one.path))} ({one.reason})" for one in refused])
    told = f"; in all {listed(reasons)}" if len(refused) > len(names.split("), ")) else ""
    return f"{len(refused):,} of {len(found.paths):,} pictures in {found.root} cannot be read: {names}{told}"


def account_of(found: Found, headers: Sequence[Header], refused: Sequence[Refused], frame: Frame) -> Iterator[Note]:
    """Say what was found, what is used, and what is done to it; what loses anything is a warning with what changes it.

    Args:
        found: the files.
        headers: of those that are used.
        refused: what cannot be read.
        frame: what pictures become.
    """
    total = len(found.paths) + sum(found.left_out.values())
    suffixes = listed(Counter(path.suffix.lower() for path in found.paths))
    left_out = f"; left out: {listed(found.left_out)}" if found.left_out else ""
    yield Note(f"{total:,} files found, {len(headers):,} pictures used, of {suffixes}{left_out}.")
    yield Note(_described(headers, frame))
    if refused:
        yield Note(f"{refusal(refused, found)}. They are left out (data.unreadable=skip).", is_warning=True)
    yield from (Note(text) for text in _kept(headers, frame))
    yield from (Note(text, is_warning=True) for text in _lost(headers, frame))


def _described(headers: Sequence[Header], frame: Frame) -> str:
    sizes = Counter("{}x{}".format(*header.size(frame.reading.turn)) for header in headers)
    modes = Counter(f"{header.mode}{f' of {header.bits} bits' if header.bits != 8 else ''}" for header in headers)
    height, width, channels = frame.event_shape
    kind = {1: "grey", 2: "grey and alpha", 3: "colour"}.get(channels, "colour and alpha")
    found = f"Sizes (height x width): {listed(sizes)}; modes: {listed(modes)}"
    return f"{found}. All become {height}x{width}, {kind}, of {frame.bits} bits."


def _is_of_other_proportions(header: Header, frame: Frame) -> bool:
    """Whether a picture cannot be resized to the frame without a border, a loss or a change: to the nearest pixel."""
    (height, width), (tall, wide) = header.size(frame.reading.turn), frame.event_shape[:2]
    scale = min(tall / height, wide / width)
    return (max(1, round(height * scale)), max(1, round(width * scale))) != (tall, wide)


def _count(headers: Iterable[bool]) -> int:
    return sum(headers)


def _kept(headers: Sequence[Header], frame: Frame) -> Iterator[str]:
    """Say what is done that loses nothing which was not asked for."""
    reading, shape = frame.reading, frame.event_shape
    num_resized = _count(header.size(reading.turn) != shape[:2] for header in headers)
    num_odd = _count(_is_of_other_proportions(header, frame) for header in headers) if frame.resize else 0
    if num_resized and frame.resize:
        yield f"{num_resized:,} are resized to {shape[0]}x{shape[1]} (data.resize)."
    if num_odd and reading.fit == "pad":
        yield (
            f"{num_odd:,} have other proportions and get a border of {reading.background} (data.fit=pad, data.background); "
            "data.fit=crop cuts their edges off instead, stretch gives up their proportions."
        )
    num_turned = _count(header.orientation != 1 for header in headers)
    if num_turned and reading.turn:
        yield f"{num_turned:,} are turned as their EXIF orientation says (data.turn)."
    converted = Counter(header.profile for header in headers if header.has_own_colours)
    if converted and reading.profile == "srgb":
        yield (
            f"{sum(converted.values()):,} have a colour profile of their own ({listed(converted)}) and become sRGB "
            "(data.profile=srgb); data.profile=ignore takes their numbers as they are."
        )
    num_grey = _count(header.is_grey for header in headers)
    if shape[-1] >= 3 and num_grey:
        yield f"{num_grey:,} are grey, and become colours."
    num_narrow = _count(header.bits < frame.bits for header in headers)
    if num_narrow:
        yield f"{num_narrow:,} have 8 bits a channel, and go from 0 to 65535 as the others do."


def _lost(headers: Sequence[Header], frame: Frame) -> Iterator[str]:
    """Say what is lost, and which setting keeps it."""
    reading = frame.reading
    yield from _lost_in_size(headers, frame)
    num_clear = _count(header.has_alpha for header in headers)
    if num_clear and frame.event_shape[-1] % 2:
        if reading.alpha == "drop":
            yield f"{num_clear:,} may be transparent: what is hidden there shows (data.alpha=drop); flatten or keep."
        else:
            yield (
                f"{num_clear:,} may be transparent, and lie on {reading.background} (data.alpha=flatten, data.background); "
                "data.alpha=keep makes that a fourth channel."
            )
    num_frames = _count(header.has_frames for header in headers)
    if num_frames:
        yield f"{num_frames:,} hold several pictures (animations, pages): the first of each is used. Save others as files."
    is_srgb = reading.profile == "srgb"
    num_other = _count(bool(header.profile) and not (is_srgb and header.has_own_colours) for header in headers)
    if num_other:
        why = "it is heeded of 8 bits a channel alone" if is_srgb else "data.profile=srgb heeds it"
        yield f"{num_other:,} have a colour profile of their own, and are read as if in sRGB: {why}."
    inks = ("CMYK", "YCCK", "LAB")
    num_inks = _count(header.mode in inks and not (header.profile and is_srgb) for header in headers)
    if num_inks:
        yield f"{num_inks:,} are of printing colours (CMYK, LAB): RGB is made of them without a profile. Convert them before."
    num_turned = _count(header.orientation != 1 for header in headers)
    if num_turned and not reading.turn:
        yield f"{num_turned:,} are not turned as their EXIF orientation says (data.turn=false)."
    if frame.event_shape[-1] < 3 and not all(header.is_grey for header in headers):
        num_coloured = _count(not header.is_grey for header in headers)
        yield f"{num_coloured:,} have colours, and become grey: the model knows no others."
    fuller = Counter(header.stored for header in headers if header.stored > header.bits)
    if fuller:
        depths = ", ".join(map(str, sorted(fuller)))
        yield (
            f"{sum(fuller.values()):,} have {depths} bits a channel, of which their decoder gives 8. "
            "PNG, and TIFF in grey or RGB, keep 16."
        )
    if frame.bits == 8 and (num_wide := _count(header.bits > 8 for header in headers)):
        yield f"{num_wide:,} have 16 bits a channel, of which 8 are kept: the model knows no more."


def _lost_in_size(headers: Sequence[Header], frame: Frame) -> Iterator[str]:
    num_odd = _count(_is_of_other_proportions(header, frame) for header in headers) if frame.resize else 0
    if num_odd and frame.reading.fit == "crop":
        yield f"{num_odd:,} have other proportions and lose their edges (data.fit=crop); data.fit=pad keeps all of them."
    if num_odd and frame.reading.fit == "stretch":
        yield f"{num_odd:,} have other proportions and are stretched (data.fit=stretch); data.fit=pad or crop keeps them."
