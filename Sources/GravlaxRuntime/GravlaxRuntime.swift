// GravlaxRuntime
