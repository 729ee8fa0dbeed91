// GravlaxHeap
