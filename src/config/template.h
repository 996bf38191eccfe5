/* template.h - the pawl.yaml that `pawl init` writes: it works at once, without a key. */
#ifndef CONFIG_TEMPLATE_H
#define CONFIG_TEMPLATE_H

extern const char config_template[];

#endif
