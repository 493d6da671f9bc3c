"""The page: marks, sheets and tables in millimetres, faces, and what a page must hold."""
