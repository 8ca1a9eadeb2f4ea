"""A loop over all pairs and all images: the flow of hard spheres in another way, event by event."""

import itertools

import numpy as np


def brute_force(position, velocity, mass, radius, span, periodic):
    """Return positions, velocities and the list of collisions (time, i, j) after a time."""
    x, v = np.array(position, float), np.array(velocity, float)
    n, d = x.shape
    first, second = np.triu_indices(n, 1)
    images = itertools.product((-1, 0, 1), repeat=d) if periodic else [(0,) * d]
    images = np.array(list(images), float)
    touch = ((radius[first] + radius[second]) ** 2)[:, None]
    now, events = 0.0, []
    while True:
        apart = (x[first] - x[second])[:, None] + images
        speed = (v[first] - v[second])[:, None]
        toward, square = np.sum(apart * speed, -1), np.sum(speed**2, -1)
        gap = np.sum(apart**2, -1) - touch
        root = toward**2 - square * gap
        meets = (toward < 0) & (root > 0)
        wait = np.where(meets, gap / (np.sqrt(np.where(meets, root, 1)) - toward), np.inf)
        pair, image = np.unravel_index(np.argmin(wait), wait.shape)
        soonest, what = max(wait[pair, image], 0.0), "pair"
        if not periodic:
            with np.errstate(divide="ignore"):
                wall = np.where(v > 0, 1 - radius[:, None] - x, radius[:, None] - x) / v
            which, axis = np.unravel_index(np.argmin(wall), wall.shape)
            if wall[which, axis] < soonest:
                soonest, what = max(wall[which, axis], 0.0), "wall"
        if now + soonest >= span:
            x = x + (span - now) * v
            return (x - np.floor(x) if periodic else x), v, events
        x, now = x + soonest * v, now + soonest
        if what == "wall":
            v[which, axis] *= -1
            continue
        i, j = first[pair], second[pair]
        along = x[i] - x[j] + images[image]
        along /= np.linalg.norm(along)
        kick = 2 * np.dot(v[i] - v[j], along) * along / (mass[i] + mass[j])
        v[i] -= mass[j] * kick
        v[j] += mass[i] * kick
        events.append((now, int(i), int(j)))
