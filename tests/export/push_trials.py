"""Pushes disturbed at random moments: `python -m tests.export.push_trials writers|kills|... FOLDER TRIALS`.

A process of its own that imports little, so that a push can be forked and killed cheaply; prints JSON.
"""

import errno
import json
import os
import random
import resource
import shutil
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from dimerec_tf.export.push import TEMPORARY_PREFIX, index_folder, push
from dimerec_tf.export.versions import PUBLISHING, complete

FILES, LARGE = 3, 200_000
NAMES = ("dimerec", "dimerec_ivf", "dimerec_scann")


def make_export(root: Path, seed: int) -> Path:
    """An export and two with an index beside it, of 5 files each, alike in their names and different in their bytes."""
    exact, data = root / f"model-{seed}" / "Format-Serving", random.Random(seed)
    for folder in (exact, index_folder(exact, "ivf"), index_folder(exact, "scann")):
        (folder / "variables").mkdir(parents=True)
        (folder / "saved_model.pb").write_bytes(data.randbytes(1000))
        (folder / "variables" / "data").write_bytes(data.randbytes(LARGE))
        for number in range(FILES):
            (folder / f"asset-{number}").write_bytes(data.randbytes(100))
    return exact


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


class Model:
    """An export and what its versions have to hold."""

    def __init__(self, root: Path, seed: int) -> None:
        self.exact = make_export(root, seed)
        folders = (self.exact, index_folder(self.exact, "ivf"), index_folder(self.exact, "scann"))
        self.contents = dict(zip(NAMES, map(contents, folders), strict=True))

    def is_at(self, place: Path, version: int) -> bool:
        return all(contents(place / name / str(version)) == self.contents[name] for name in NAMES)


def seen(place: Path) -> list[set[int]]:
    """The versions of each export as a server lists them, the exact one first."""
    return [set(complete(place / name)) if (place / name).is_dir() else set() for name in NAMES]


def forked(work: Any) -> int:
    """Runs `work` in a child, which ends with its result as its exit status."""
    pid = os.fork()
    if pid == 0:
        status = 250
        try:
            status = work()
        finally:
            os._exit(status)
    return pid


def writers(folder: Path, trials: int) -> Counter[str]:
    """Three pushes of three models at random moments, watched while they run."""
    models, counts = [Model(folder, seed) for seed in range(3)], Counter[str]()
    started = time.monotonic()
    push(models[0].exact, folder / "first" / "dimerec")
    seconds = time.monotonic() - started
    for trial in range(trials):
        place = folder / f"trial-{trial}"
        delays = [random.uniform(0, 2 * seconds) for _ in models]

        def pushing(model: Model, delay: float, place: Path = place) -> int:
            time.sleep(delay)
            return push(model.exact, place / "dimerec")

        running = {
            forked(lambda model=model, delay=delay: pushing(model, delay)): model
            for model, delay in zip(models, delays, strict=True)
        }
        returned: dict[int, Model] = {}
        while running:
            first, last = seen(place), seen(place)[::-1]
            # Versions only come: what one look shows in one place, a later look shows in every place.
            counts["torn"] += any(not before <= after for before in first for after in last)
            for version in set.union(*first):
                counts["half"] += not any(model.is_at(place, version) for model in models)
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid:
                model, version = running.pop(pid), os.waitstatus_to_exitcode(status)
                counts["failed"] += version not in (1, 2, 3)
                counts["another's"] += not (version in (1, 2, 3) and model.is_at(place, version))
                returned[version] = model
        counts["trials"] += 1
        counts["three versions"] += sorted(returned) == [1, 2, 3] and seen(place) == [{1, 2, 3}] * 3
        counts["leftovers"] += bool(list(place.glob(f"*/{TEMPORARY_PREFIX}*")))
        shutil.rmtree(place)
    return counts


def kills(folder: Path, trials: int) -> Counter[str]:
    """A push killed at a random moment, again and again; what a server sees is what was there or all that is new."""
    models, counts, place = [Model(folder, seed) for seed in range(2)], Counter[str](), folder / "place"
    push(models[1].exact, place / "dimerec")
    started = time.monotonic()
    os.waitpid(forked(lambda: push(models[0].exact, place / "dimerec")), 0)
    seconds = time.monotonic() - started
    latest = 2
    for trial in range(trials):
        model = models[(trial + 1) % 2]
        pid = forked(lambda model=model: push(model.exact, place / "dimerec") % 200)
        time.sleep(random.uniform(0, 1.1 * seconds))
        os.kill(pid, signal.SIGKILL)
        killed = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
        counts["killed" if killed else "ended before"] += 1
        counts["left copies"] += bool(list(place.glob(f"*/{TEMPORARY_PREFIX}*")))
        counts["killed while put into place"] += (place / PUBLISHING).exists()
        exact, *others = seen(place)
        counts["torn"] += any(other != exact for other in others)
        newest = max(exact)
        counts["lost"] += newest < latest
        counts["half"] += not any(each.is_at(place, newest) for each in models)
        latest = newest
    model = models[trials % 2]
    counts["next push failed"] += not model.is_at(place, push(model.exact, place / "dimerec"))
    counts["leftovers"] += bool(list(place.glob(f"*/{TEMPORARY_PREFIX}*"))) or (place / PUBLISHING).exists()
    counts["versions torn"] += len(set(map(tuple, map(sorted, seen(place))))) != 1
    counts["trials"] = trials
    return counts


def kills_in_place(folder: Path, trials: int) -> Counter[str]:
    """A push killed before each rename and before its last step: not seen, and completed by the next push."""
    models, counts = [Model(folder, seed) for seed in range(3)], Counter[str]()
    for trial in range(trials):
        place, steps = folder / f"trial-{trial}", iter(range(trial % (len(NAMES) + 1)))
        push(models[0].exact, place / "dimerec")

        def killed(place: Path = place, steps: Any = steps) -> int:
            def step(real: Any) -> Any:
                def counted(path: Path, *further: Any, **options: Any) -> Any:
                    if path.name in (f"{TEMPORARY_PREFIX}2", PUBLISHING) and next(steps, None) is None:
                        os.kill(os.getpid(), signal.SIGKILL)
                    return real(path, *further, **options)

                return counted

            Path.rename, Path.unlink = step(Path.rename), step(Path.unlink)  # type: ignore[method-assign]
            return push(models[1].exact, place / "dimerec")

        status = os.waitstatus_to_exitcode(os.waitpid(forked(killed), 0)[1])
        counts["killed while put into place"] += status == -signal.SIGKILL and (place / PUBLISHING).exists()
        counts["seen"] += seen(place) != [{1}] * 3
        counts["completed"] += push(models[2].exact, place / "dimerec") == 3 and seen(place) == [{1, 2, 3}] * 3
        counts["whole"] += models[1].is_at(place, 2) and models[2].is_at(place, 3)
    counts["trials"] = trials
    return counts


def full(folder: Path, trials: int) -> Counter[str]:
    """A push to a file system with less and less room; what is there stays, and the push succeeds once there is room.

    FOLDER is a small file system of its own, or else the size of a file is limited.
    """
    counts, place = Counter[str](), folder / "place"
    elsewhere = Path(os.environ["MODELS"])
    models = [Model(elsewhere, seed) for seed in range(2)]
    size = sum(len(data) for export in models[1].contents.values() for data in export.values())
    push(models[0].exact, place / "dimerec")
    filler, own = folder / "filler", folder.is_mount()
    for trial in range(trials):
        room = int(size * 1.05 * trial / trials)
        if own:
            statistics = os.statvfs(folder)
            filler.write_bytes(bytes(max(0, statistics.f_bavail * statistics.f_frsize - room)))
        else:
            resource.setrlimit(resource.RLIMIT_FSIZE, (int(LARGE * trial / trials), resource.RLIM_INFINITY))
        try:
            push(models[1].exact, place / "dimerec")
            counts["had room"] += 1
        except OSError as error:
            counts["refused"] += error.errno in (errno.ENOSPC, errno.EFBIG)
        counts["changed"] += seen(place) != [{1}] * 3 or not models[0].is_at(place, 1)
        counts["leftovers"] += bool(list(place.glob(f"*/{TEMPORARY_PREFIX}*"))) or (place / PUBLISHING).exists()
        filler.unlink(missing_ok=True)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    counts["then pushed"] = push(models[1].exact, place / "dimerec") == 2 and models[1].is_at(place, 2)
    counts["trials"] = trials
    return counts


if __name__ == "__main__":
    random.seed(5)
    kind, where, number = sys.argv[1:]
    kinds = {"writers": writers, "kills": kills, "kills_in_place": kills_in_place, "full": full}
    print(json.dumps(kinds[kind](Path(where), int(number))))
