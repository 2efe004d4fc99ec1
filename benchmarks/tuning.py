"""What a Bayesian search finds in a third of a grid's trials.

    for seed in 0 1 2; do python run.py tune --space latent_size --trials 12 --seed $seed --output runs --name size-$seed; done
    python benchmarks/tuning.py runs/size-0 runs/size-1 runs/size-2 -o benchmarks/results/tuning.json

The space has 12 values, and a search repeats none: its 12 trials are the exhaustive grid, and its first 4 are a search of 4
trials with the same seed.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from vae_tf.files import read_json, write_json
from vae_tf.tuning.search import SearchDirectory

SHARE = 3


def compare(path: str) -> dict[str, Any]:
    """Return the best of a search's first third, and of all of it."""
    search = SearchDirectory.open(path)
    settings, results = search.read_settings(), search.read_results()
    scores = [float(result.val_negative_elbo or "nan") for result in results]
    early = scores[: len(scores) // SHARE]
    return {
        "seed": settings.config.seed,
        "tuner": settings.tuner,
        "trials": len(scores),
        "values": [result.values for result in results],
        "val_negative_elbo": scores,
        "best": min(scores),
        "best_of_a_third": min(early),
        "worse_by": min(early) / min(scores) - 1.0,
        "training_seconds": sum(result.seconds for result in results),
    }


def main() -> None:
    """Compare searches and write the table as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("searches", nargs="+")
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    rows = [compare(path) for path in arguments.searches]
    environment = read_json(SearchDirectory(Path(arguments.searches[0])).trial_runs()[0].environment_file)
    environment.pop("command")
    write_json(arguments.output, {"searches": rows, "environment": environment})
    for row in rows:
        print(
            f"seed {row['seed']}: best of {row['trials']} trials {row['best']:.3f}, of the first {row['trials'] // SHARE} "
            f"{row['best_of_a_third']:.3f} nats: {100 * row['worse_by']:.2f} % worse; {row['training_seconds']:.0f} s in all"
        )


if __name__ == "__main__":
    main()
