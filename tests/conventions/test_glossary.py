"""Words of the field that the pages use stand in the glossary."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GLOSSARY = ROOT / "docs/glossary.md"
PAGES = [
    ROOT / "README.md",
    *(path for path in sorted((ROOT / "docs").glob("*.md")) if path.name not in {"glossary.md", "parts.md"}),
]
TERMS = (
    *(
        "active ax[ei]s",
        "active units",
        "amorti[sz]ed",
        "anneal",
        "augmentation",
        "autoencoder",
        "autoregressive",
        "average precision",
    ),
    *("baseline", "binari[sz]ation", "bits/dim", "capacity", "checkpoint", "collapse", "control variate", "cross-validation"),
    *(
        "DCI",
        "decoder",
        "ELBO",
        "encoder",
        "epoch",
        "ex-post",
        "factor analysis",
        "fingerprint",
        "flow",
        "Frechet",
        "free bits",
    ),
    *("Gumbel-Softmax", "hole", "importance-weighted", "imputation", "interpolation", "IWAE", "KL", "knee", "ladder", "latent"),
    *("likelihood", "LZMA", "MIG", "mixture", "MMD", "mutual information", "n-gram", "nats", "NLL", "objective", "one-hot"),
    *("overfit", "patience", "PCA", "perplexity", "posterior", "prior", "probe", "probabilistic PCA", "REBAR", "relaxed"),
    *(
        "reparameteri[sz]",
        "ROC AUC",
        "SavedModel",
        "schedule",
        "score function",
        "servable",
        "signature",
        "split",
        "squared error",
    ),
    *(
        "standard error",
        "straight-through",
        "subword",
        "temperature",
        "TFDS",
        "token",
        "total correlation",
        "traversal",
        "trial",
    ),
    *(
        "variational autoencoder",
        "VampPrior",
        "VIMCO",
        "warm-up",
        "window",
        "word dropout",
        "β-VAE",
        "moving average",
        "recall",
    ),
    *("embedded server", "kl_weight", "event_shape", "aggregate posterior", "conditional model", "group", "near-equal", "gap"),
)
"""Words that a programmer need not know, as patterns."""
ORDINARY = """
    AMD API AVIF AVX AutoGraph BMP BentoML CMYK CONTRIBUTING CORS CPU CRC CSV DataFrame DataFrames DataLoader DirectRunner EPYC
    EXIF FastAPI GB GHz GIF GIFs GPUs HEIC HTML ISO JAX JPEG JSON KServe KiB LAB MIT MLflow MNIST ML NaN NumPy PATH PBM PEM
    PGM PNG PPM PyTorch REST RGB RapidJSON SDK SDMetrics SECURITY SIGINT SIGKILL SIGTERM SciPy TCP TFRecord TFRecords TIFF TLS
    TensorBoard TensorFlow URLs UTF ValueError WebGL WebP
"""
"""Names of formats, protocols, signals, machines, products and classes: a programmer knows or finds them."""


def explained(text):
    """Return the words that the glossary's tables explain: what stands in the first column."""
    return "\n".join(re.findall(r"^\| (.*?(?<!\\)) \|", text, re.MULTILINE)).lower()


def missing(pages, glossary):
    """Return the terms that pages use and the glossary does not explain."""
    used = "\n".join(pages)
    found = explained(glossary)
    return [
        term for term in TERMS if re.search(rf"\b{term}", used, re.IGNORECASE) and not re.search(term, found, re.IGNORECASE)
    ]


def acronyms(pages):
    """Return the words with two capital letters or more that stand in the sentences of pages, outside of code and links."""
    text = re.sub(r"```.*?```|`[^`]*`|\]\([^)]*\)|<!--.*?-->", "", "\n".join(pages), flags=re.DOTALL)
    return {*re.findall(r"(?<![\w.-])[A-Z][A-Za-z]*[A-Z][A-Za-z0-9]*(?!\w)", text)}


@pytest.fixture(scope="module")
def pages():
    return [path.read_text("utf-8") for path in PAGES]


def test_every_word_of_the_field_is_explained(pages):
    assert missing(pages, GLOSSARY.read_text("utf-8")) == []


def test_every_acronym_is_explained_or_ordinary():
    read = [*PAGES, *sorted((ROOT / "docs/lessons").glob("*.md"))]
    used = acronyms(path.read_text("utf-8") for path in read if path.name != "commands.md")  # that has names of values
    found = explained(GLOSSARY.read_text("utf-8"))
    known = {*ORDINARY.split()}
    assert sorted(known - used) == []
    assert sorted(word for word in used - known if word.lower() not in found) == []
    assert acronyms(["By BIC, `LDA` and [x](ABC.md)."]) == {"BIC"}


def test_a_word_that_lacks_is_found(pages):
    text = GLOSSARY.read_text("utf-8")
    for word in ("warm-up", "servable", "nats"):
        assert word in missing(pages, re.sub(rf"^\| {word}.*\n", "", text, flags=re.MULTILINE)), word


def test_the_readme_says_what_a_vae_is_and_links_the_glossary_before_any_other_word():
    head = (ROOT / "README.md").read_text("utf-8").partition("```sh")[0]
    assert "docs/glossary.md" in head
    first = head.index("variational autoencoder")
    assert not [term for term in TERMS if (found := re.search(rf"\b{term}", head, re.IGNORECASE)) and found.start() < first]
    paragraph = next(part for part in head.split("\n\n") if part.startswith("A **variational autoencoder**"))
    assert not re.search("Gumbel|Keras|SavedModel|REBAR", paragraph)
