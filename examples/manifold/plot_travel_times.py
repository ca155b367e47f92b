"""
========================================
Visualization: travel times become a map
========================================

Multidimensional scaling makes a map of things of which only dissimilarities are known.
Here these are travel times between cities, with errors, and over a third of them are
missing. Long journeys are faster than short ones, so that times are not proportional to
distances. Is the order of the times enough?
"""

# %%
# The times are made up from the true places: half an hour at the station, then trains
# that are the faster the longer the journey is, and an error of 5 %.

import matplotlib.pyplot as plt
import numpy as np
from scipy.spatial.distance import cdist

from sklatent.manifold import MDS

latitude_and_longitude = {
    "Amsterdam": (52.4, 4.9),
    "Barcelona": (41.4, 2.2),
    "Belgrade": (44.8, 20.5),
    "Berlin": (52.5, 13.4),
    "Bilbao": (43.3, -2.9),
    "Bordeaux": (44.8, -0.6),
    "Budapest": (47.5, 19.0),
    "Cologne": (50.9, 7.0),
    "Copenhagen": (55.7, 12.6),
    "Florence": (43.8, 11.3),
    "Hamburg": (53.6, 10.0),
    "Krakow": (50.1, 19.9),
    "Lisbon": (38.7, -9.1),
    "Lyon": (45.8, 4.8),
    "Madrid": (40.4, -3.7),
    "Marseille": (43.3, 5.4),
    "Milan": (45.5, 9.2),
    "Munich": (48.1, 11.6),
    "Naples": (40.9, 14.3),
    "Nantes": (47.2, -1.6),
    "Paris": (48.9, 2.4),
    "Prague": (50.1, 14.4),
    "Rome": (41.9, 12.5),
    "Seville": (37.4, -6.0),
    "Sofia": (42.7, 23.3),
    "Stockholm": (59.3, 18.1),
    "Vienna": (48.2, 16.4),
    "Warsaw": (52.2, 21.0),
    "Zagreb": (45.8, 16.0),
    "Zurich": (47.4, 8.5),
}
names = list(latitude_and_longitude)
latitude, longitude = np.array(list(latitude_and_longitude.values())).T
# Kilometers from the middle, on a plane that touches the globe there.
east = 111.2 * (longitude - longitude.mean()) * np.cos(np.radians(latitude.mean()))
north = 111.2 * (latitude - latitude.mean())
places = np.column_stack([east, north])

rng = np.random.RandomState(0)
n = len(names)
kilometers = cdist(places, places)
hours = 0.5 + (kilometers / 60) ** 0.6
upper = np.triu(hours * np.exp(0.05 * rng.standard_normal((n, n))), 1)
hours = upper + upper.T
missing = np.triu(rng.uniform(size=(n, n)) < 0.4, 1)
hours[missing | missing.T] = np.nan
print(f"{n} cities, {np.isnan(hours).mean():.0%} of the times are missing")

# %%
# Metric scaling makes distances that are as close to the times as possible. Nonmetric
# scaling wants the distances in the order of the times, and nothing else.

maps = {
    "metric": MDS(metric="precomputed", normalized_stress=True),
    "non-metric": MDS(metric="precomputed", metric_mds=False),
}
true = places - places.mean(axis=0)
figure, axes = plt.subplots(1, 3, figsize=(13, 4.4), layout="constrained")
axes[0].scatter(*true.T, c=east, s=15)
axes[0].set_title("The true places")
for axis, (name, mds) in zip(axes[1:], maps.items(), strict=True):
    Z = mds.fit_transform(hours)
    # Rotated, reflected and scaled to the true places, which the times do not tell.
    U, s, Vt = np.linalg.svd(Z.T @ true)
    Z = s.sum() / np.square(Z).sum() * Z @ U @ Vt
    error = np.sqrt(np.square(Z - true).sum(axis=1).mean())
    axis.scatter(*Z.T, c=east, s=15)
    axis.set_title(f"MDS, {name}: stress {mds.stress_:.2f}")
    for a, b in zip(true, Z, strict=True):
        axis.plot(*np.array([a, b]).T, c="0.7", lw=0.8, zorder=0)
    print(f"{name}: stress {mds.stress_:.3f}, error {error:.0f} km")
labeled = {"Lisbon", "Madrid", "Paris", "Rome", "Stockholm", "Warsaw", "Sofia"}
for axis in axes:
    for name, place in zip(names, true, strict=True):
        if name in labeled:
            axis.annotate(name, place, textcoords="offset points", xytext=(3, 3))
    axis.set(aspect="equal", xticks=[], yticks=[])
plt.show()

# %%
# A city that is not on the map is placed by its times from some of those that are. The
# others keep their places.

time = hours[names.index("Lyon")].copy()
time[names.index("Lyon")] = np.nan  # as if it were not known to be Lyon
place = maps["non-metric"].transform([time])
nearest = cdist(place, maps["non-metric"].embedding_)[0].argsort()[:3]
print("The new city is near", ", ".join(names[i] for i in nearest))

# %%
# Non-metric scaling finds the cities up to 62 km, metric scaling up to 215 km: short
# times are too long by the time at the station, so that it makes room between
# neighbors, and long journeys come out too short.
# The order of the times is enough, and even better than the times themselves, although
# 36 % of them are missing. The city that was placed by its times is the one that it is.
