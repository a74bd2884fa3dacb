from ui.app import main  # `streamlit run streamlit_app.py` runs this, `upgan app` runs ui/app.py

main()
