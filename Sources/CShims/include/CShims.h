#ifndef TORII_CSHIMS_H
#define TORII_CSHIMS_H

#include "torii_ldns.h"

#endif
