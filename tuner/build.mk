# SPDX-License-Identifier: GPL-2.0
# What is tested alone: the model, what judges by it, and all of a replay.
MODEL_OBJ := $(addprefix $(O)/obj/tuner/,model.o judge.o link.o mode.o trace.o stream.o sim.o \
	sim_evict.o sim_miss.o sim_tuner.o replay.o replay_print.o)
BINS += $(O)/dmem-tuner

$(O)/dmem-tuner: $(patsubst %.c,$(O)/obj/%.o,$(wildcard tuner/*.c)) $(LIBDMEM)
	$(CC) -o $@ $^ $(METRICS_LIBS) $(LIBS) -lm
