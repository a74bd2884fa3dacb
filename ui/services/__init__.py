"""What the pages do, without Streamlit: find checkpoints, understand a link, answer, explain, evaluate, import."""
