"""scikit-learn's faces of what ``models`` fits."""
