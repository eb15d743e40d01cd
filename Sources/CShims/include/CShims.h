#ifndef TORII_CSHIMS_H
#define TORII_CSHIMS_H

#include "torii_cache.h"
#include "torii_crypto.h"
#include "torii_ldns.h"
#include "torii_ldns_text.h"
#include "torii_net.h"
#include "torii_netfilter.h"
#include "torii_tls.h"
#include "torii_verify.h"

#endif
