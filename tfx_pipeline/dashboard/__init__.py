"""A folder of pages about a pipeline's runs."""
