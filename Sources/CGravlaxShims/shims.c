// SwiftPM wants one translation unit in a C target; the target itself is header-only.
#include "CGravlaxShims.h"
