"""A cut-out of one number -> what several readers make of several views of it: the opinion of a larger machine."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from edge_daemon.decision.observations import joined, main_line
from edge_daemon.decision.perturbation import views
from edge_daemon.domain import Candidate, Grey
from edge_daemon.fields.extract import patch_of_sample
from edge_daemon.inference import classifier
from edge_daemon.inference.options import BUNDLED
from edge_daemon.recognition.reader import Reader, open_reader


class Ensemble:
    """Each reader looks at the cut-out as it is and at six perturbed views of it; their chances are averaged.

    Averaging over perturbed views is test-time augmentation (Krizhevsky et al., 2012).
    """

    def __init__(self, readers: Sequence[Reader], looks: bool = True) -> None:
        """`looks`: also at the perturbed views."""
        self._readers, self._looks = readers, looks
        names = ", ".join(dict.fromkeys(reader.classifier.name for reader in readers))
        self.name = f"{names} on {7 if looks else 1} views"[:128]

    def read(self, pixels: Grey) -> tuple[Candidate, ...]:
        """Up to three texts, best first, of a cut-out (h, w); none where hardly anything can be read."""
        pictures = [pixels, *(views(pixels) if self._looks else ())]
        chances: dict[str, float] = defaultdict(float)
        for reader in self._readers:
            for picture in pictures:
                numbers = reader.read(patch_of_sample(np.ascontiguousarray(picture)))
                for text, chance in joined(main_line(numbers)).candidates if numbers else ():
                    chances[text] += chance / (len(pictures) * len(self._readers))
        return tuple(sorted(chances.items(), key=lambda item: -item[1])[:3])


def open_ensemble(models: Sequence[str]) -> Ensemble:
    """The models that were named; without any the bundled one. Of a manifest's networks the larger one reads.

    Raises ModelError, or RuntimeMissingError.
    """
    return Ensemble([open_reader(classifier_options(path)) for path in models or [BUNDLED]])


def classifier_options(path: str) -> classifier.Options:
    return classifier.Options(path, precision="auto" if path.endswith(".tflite") else "float32")
