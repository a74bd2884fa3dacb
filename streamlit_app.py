"""`streamlit run streamlit_app.py` serves the app from here, as `upgan app` does from ui/serve.py."""

import streamlit as st

from ui.app import main
from ui.serve import MIDDLEWARE

if __name__ == "__main__":  # as the script of a page
    main()
else:
    app = st.App("ui/app.py", middleware=MIDDLEWARE)
