"""The web app: a static site around a TF.js bundle, and the server for one's own machine."""
