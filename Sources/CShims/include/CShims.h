#ifndef TORII_CSHIMS_H
#define TORII_CSHIMS_H

#include "torii_crypto.h"
#include "torii_ldns.h"

#endif
