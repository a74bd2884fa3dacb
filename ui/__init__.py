"""The explorer: a Streamlit app over ``upgan``. Pages are layout, components one widget each, services use cases.

Nothing here does the model's mathematics or imports torch; everything drawn comes from ``upgan.predict.predictor`` and
``upgan.render``.
"""
