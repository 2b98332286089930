/* What the firmware calls at start-up, for `embinit verify --source`. */
#include "weights.c"

void sensor_setup(const sensor_buffers *buffers, uint32_t seed)
{
    dense_init(buffers->fc_weight, buffers->fc_bias, 16, 4, seed);
}
