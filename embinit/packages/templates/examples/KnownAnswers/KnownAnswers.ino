// Checks the library's arithmetic on this board against known answers, and prints a line for each.
#include <embinit.h>
#include <selftest/selftest.c>

static int put(int character)
{
    return Serial.write(static_cast<uint8_t>(character)) == 1 ? character : -1;
}

void setup()
{
    Serial.begin(115200);
    while (!Serial) {
    }
    Serial.println(embinit_selftest(put) == 0 ? F("PASS") : F("FAIL"));
}

void loop()
{
}
