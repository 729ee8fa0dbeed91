// Gravlax
