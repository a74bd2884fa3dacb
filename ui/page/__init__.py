"""The app's pages, one a file, which it names PAGE. Adding a file adds the page.

Not "pages": Streamlit takes a folder of that name beside ui/app.py for pages of its own, and would show them to
somebody who has not given the password.
"""
