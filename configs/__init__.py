"""Config files; `mpox_keras.config.load_config` finds them by name."""
