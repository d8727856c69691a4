# SPDX-License-Identifier: GPL-2.0
MODEL_OBJ := $(O)/obj/tuner/model.o
BINS += $(O)/dmem-tuner

$(O)/dmem-tuner: $(O)/obj/tuner/main.o $(O)/obj/tuner/tune.o \
		$(O)/obj/tuner/explain.o $(MODEL_OBJ) $(LIBDMEM)
	$(CC) -o $@ $^ $(LIBS)
