"""Cuts the thumbnails of the gallery out of the examples' figures.

A whole figure of several panels is too small to read. `CROPS` has the part that shows
what an example is about, by hand: left, top, right and bottom as shares of its first
figure, or None for all of it.
"""

from pathlib import Path

from sphinx.util import logging

logger = logging.getLogger(__name__)

RIGHT = (0.5, 0, 1, 1)
LEFT = (0, 0, 0.5, 1)
CROPS = {
    # applications
    "plot_latent_size": (0, 0, 0.49, 1),
    "plot_multiple_imputation": (0, 0, 0.56, 1),
    "plot_outlier_representations": (0.54, 0, 1, 1),
    "plot_patches": (0.667, 0.57, 1, 0.96),
    "plot_synthetic_table": (0, 0, 0.72, 1),
    "plot_table_dimension": RIGHT,
    "plot_table_embedding": (0, 0, 0.31, 1),
    # decomposition
    "plot_em_steps": RIGHT,
    "plot_imputation": (0, 0, 0.505, 1),
    "plot_three_ways_to_pca": (0, 0.03, 0.39, 1),
    "plot_uneven_noise": RIGHT,
    # density
    "plot_bandwidths": LEFT,
    "plot_histogram_bins": (0, 0.5, 0.516, 1),
    "plot_local_covariances": (0.52, 0, 1, 1),
    "plot_manifold_density": (0, 0, 0.32, 0.85),
    "plot_mixture_regression": (0.525, 0, 1, 1),
    "plot_n_components": (0.37, 0.08, 0.67, 0.92),
    "plot_normal_scores": LEFT,
    "plot_one_sample": (0.515, 0, 1, 0.5),
    "plot_outliers": (0.535, 0, 1, 1),
    "plot_stacking": RIGHT,
    # dimension
    "plot_benchmark_manifolds": (0, 0, 0.9, 0.53),
    "plot_compare_dimensions": (0, 0, 0.47, 1),
    "plot_components": None,
    "plot_correction": (0, 0, 0.365, 1),
    "plot_digits_dimension": None,
    "plot_known_manifolds": (0.44, 0, 0.83, 0.45),
    "plot_local_dimension": None,
    "plot_scale": (0.37, 0, 0.685, 1),
    # extending
    "plot_own_estimator": None,
    "plot_own_likelihood": (0.53, 0, 1, 1),
    "plot_warnings": RIGHT,
    # deployment, impute, outlier, pipeline
    "plot_save_and_load": None,
    "plot_cars_imputation": None,
    "plot_cars": None,
    "plot_scalers": None,
    # inspection
    "plot_density_mass": (0, 0.49, 0.38, 1),
    "plot_dimension_fit": (0, 0, 0.31, 1),
    "plot_embedding_errors": (0, 0.5, 0.51, 1),
    "plot_latent_space": (0, 0, 0.525, 1),
    "plot_reconstructions": (0.08, 0, 0.685, 0.4),
    "plot_spectrum": (0, 0, 0.5, 1),
    "plot_training": (0, 0, 0.49, 1),
    # manifold
    "plot_harmonics": (0.665, 0, 1, 1),
    "plot_kernel_denoising": (0, 0, 0.557, 0.61),
    "plot_laplacian_rates": (0, 0, 0.265, 1),
    "plot_umap_digits": (0, 0.08, 0.298, 0.92),
    "plot_tsne": (0.09, 0.04, 0.46, 1),
    "plot_travel_times": (0.67, 0, 1, 1),
    "plot_uneven_density": (0.53, 0, 1, 1),
    "plot_sketch_map": (0.77, 0, 1, 1),
    "plot_unroll": (0.27, 0, 0.755, 1),
    "plot_which_map": (0, 0.66, 0.755, 1),
    # neural
    "plot_bounds": None,
    "plot_callbacks": (0.52, 0, 1, 1),
    "plot_denoising": (0, 0.17, 0.635, 0.87),
    "plot_digits": (0.39, 0, 0.93, 0.53),
    "plot_few_labels": None,
    "plot_hashing": (0.06, 0.05, 0.53, 0.48),
    "plot_mixed_table": (0, 0.06, 0.335, 1),
    "plot_new_rows": (0, 0, 0.46, 1),
    # scale
    "plot_larger_than_memory": None,
}


def cut(figure, box, size):
    """Return the part of a figure in a picture of a size, on a transparent ground.

    Parameters
    ----------
    figure : path
        A PNG file.
    box : tuple of 4 floats
        Left, top, right and bottom, as shares.
    size : tuple of 2 ints
        Width and height, in pixels.
    """
    from PIL import Image, ImageOps

    image = Image.open(figure).convert("RGBA")
    left, top, right, bottom = box
    width, height = image.size
    part = image.crop(
        tuple(map(round, (left * width, top * height, right * width, bottom * height)))
    )
    part = ImageOps.contain(part, size, Image.Resampling.LANCZOS)
    return ImageOps.pad(part, size, color=(255, 255, 255, 0))


def cut_thumbnails(app):
    """Replace the thumbnails that sphinx-gallery has made."""
    gallery = Path(app.srcdir) / app.config.sphinx_gallery_conf["gallery_dirs"]
    examples = {path.stem: path for path in gallery.glob("*/plot_*.py")}
    for name in CROPS.keys() - examples.keys():
        logger.warning("CROPS of thumbnails.py has %r, which is no example.", name)
    for name, example in examples.items():
        figure = example.parent / "images" / f"sphx_glr_{name}_001.png"
        if CROPS.get(name) and figure.exists():
            thumbnail = figure.parent / "thumb" / f"sphx_glr_{name}_thumb.png"
            size = app.config.sphinx_gallery_conf.get("thumbnail_size", (400, 280))
            cut(figure, CROPS[name], size).save(thumbnail)


def setup(app):
    """Connect to Sphinx, after sphinx-gallery, which is at 500."""
    app.connect("builder-inited", cut_thumbnails, priority=600)
    return {"parallel_read_safe": True}
