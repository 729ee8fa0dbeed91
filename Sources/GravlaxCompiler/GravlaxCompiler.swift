// GravlaxCompiler
