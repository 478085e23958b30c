"""Where market events come from: mirrors of live venues, capture files, history files, importers."""
