"""Numbers -> plotly figures, without Streamlit. plotly itself is imported when a figure is drawn."""
