"""The headless loop: the product's own services and worker, with a judge in the annotators' place."""
