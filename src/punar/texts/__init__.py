"""Every sentence that a user reads outside exceptions, by topic, so that another language can follow."""
