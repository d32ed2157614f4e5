"""Makes the demo model from scratch: a Stable Diffusion pipeline small enough for a CPU, out of two npm packages.

`python -m scripts.demo_model --help` says how; `docs/demo-model.md` says on what data, under which licences, how good.
"""
