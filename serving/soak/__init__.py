"""Twenty minutes of what can go wrong, and a verdict. Needs the development environment (hypothesis, psutil)."""
