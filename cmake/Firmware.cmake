# Cross compilation of firmware with riscv64-unknown-elf-gcc and picolibc, as custom commands of the host's build.
#
# backboard_firmware_objects(NAME [RV64] SOURCES ...)
#   Compiles sources once, for every firmware that names the set. Paths are relative to the repository's root.
# backboard_firmware(NAME [RV64] [EXTENSIONS names] SOURCES ... [OBJECTS set...] [SCRIPT file])
#   Links <build>/firmware/<NAME>.elf; target firmware_<NAME>, part of `all`. SCRIPT: firmware/boot/dram.ld by default.
# RV64: for rv64imafdc instead of rv32imafc; the sets that a firmware names must be of the same.
# EXTENSIONS: what the firmware's own sources may use besides, as core.isa names it (_zba_zbb_zbs). They are compiled so
#   and linked without: by such a name the linker would find no library of the width.
# backboard_firmware_image(NAME)
#   <build>/firmware/<NAME>.flash: the firmware as a flash image that the boot ROM starts.
#
# The multilib matches plain names only: rv32imafc with ISA specification 2.2, in which CSRs and FENCE.I are part of I.

find_program(RISCV_GCC riscv64-unknown-elf-gcc REQUIRED)
find_program(RISCV_OBJCOPY riscv64-unknown-elf-objcopy REQUIRED)

set(FIRMWARE_DIR ${CMAKE_BINARY_DIR}/firmware)
set(FIRMWARE_RV32 -march=rv32imafc -mabi=ilp32f)
set(FIRMWARE_RV64 -march=rv64imafdc -mabi=lp64d)
set(FIRMWARE_ARCH -misa-spec=2.2 -mcmodel=medany --specs=picolibc.specs -DPICOLIBC_INTEGER_PRINTF_SCANF)
set(FIRMWARE_COMPILE ${FIRMWARE_ARCH} -O2 -g -ffp-contract=off -ffunction-sections -fdata-sections -fno-common
  -ffile-prefix-map=${PROJECT_SOURCE_DIR}=. -Wall -Wextra -Wpedantic -Wshadow -Wswitch -Werror -I${PROJECT_SOURCE_DIR})
set(FIRMWARE_LINK ${FIRMWARE_ARCH} -nostartfiles -g -Wl,--gc-sections -Wl,--fatal-warnings -Wl,--build-id=none
  -Wl,--no-warn-rwx-segments)

function(backboard_firmware_compile set_name isa_options out_objects)
  set(objects)
  foreach(source ${ARGN})
    set(object ${FIRMWARE_DIR}/objects/${set_name}/${source}.o)
    get_filename_component(folder ${object} DIRECTORY)
    file(MAKE_DIRECTORY ${folder})
    set(standard)
    if(source MATCHES "\\.c$")
      set(standard -std=c11)
    endif()
    add_custom_command(OUTPUT ${object}
      COMMAND ${COMPILER_LAUNCHER} ${RISCV_GCC} ${isa_options} ${FIRMWARE_COMPILE} ${standard} -MMD -MF ${object}.d -MT ${object}
        -c ${PROJECT_SOURCE_DIR}/${source} -o ${object}
      DEPENDS ${PROJECT_SOURCE_DIR}/${source}
      DEPFILE ${object}.d
      COMMENT "Firmware: compiling ${source}" VERBATIM)
    list(APPEND objects ${object})
  endforeach()
  set(${out_objects} ${objects} PARENT_SCOPE)
endfunction()

function(backboard_firmware_isa rv64 out_options)
  if(rv64)
    set(${out_options} ${FIRMWARE_RV64} PARENT_SCOPE)
  else()
    set(${out_options} ${FIRMWARE_RV32} PARENT_SCOPE)
  endif()
endfunction()

# The objects, not an archive: a strong definition in an archive would not replace a weak one.
function(backboard_firmware_objects name)
  cmake_parse_arguments(arg "RV64" "" "SOURCES" ${ARGN})
  backboard_firmware_isa(${arg_RV64} isa_options)
  backboard_firmware_compile(${name} "${isa_options}" objects ${arg_SOURCES})
  add_custom_target(firmware_objects_${name} DEPENDS ${objects})
  set_property(TARGET firmware_objects_${name} PROPERTY FIRMWARE_OBJECTS ${objects})
endfunction()

function(backboard_firmware name)
  cmake_parse_arguments(arg "RV64" "SCRIPT;EXTENSIONS" "SOURCES;OBJECTS" ${ARGN})
  if(NOT arg_SCRIPT)
    set(arg_SCRIPT firmware/boot/dram.ld)
  endif()
  backboard_firmware_isa(${arg_RV64} isa_options)
  list(TRANSFORM isa_options REPLACE "^-march=.*" "\\0${arg_EXTENSIONS}" OUTPUT_VARIABLE own_options)
  backboard_firmware_compile(${name} "${own_options}" objects ${arg_SOURCES})
  set(targets)
  foreach(set_name ${arg_OBJECTS})
    get_property(more TARGET firmware_objects_${set_name} PROPERTY FIRMWARE_OBJECTS)
    list(APPEND objects ${more})
    list(APPEND targets firmware_objects_${set_name})
  endforeach()
  set(elf ${FIRMWARE_DIR}/${name}.elf)
  set(script ${PROJECT_SOURCE_DIR}/${arg_SCRIPT})
  add_custom_command(OUTPUT ${elf}
    COMMAND ${RISCV_GCC} ${isa_options} ${FIRMWARE_LINK} -T ${script} -Wl,-Map=${FIRMWARE_DIR}/${name}.map ${objects} -o ${elf}
    DEPENDS ${objects} ${targets} ${script}
    COMMENT "Firmware: linking ${name}.elf" VERBATIM)
  add_custom_target(firmware_${name} ALL DEPENDS ${elf})
endfunction()

function(backboard_firmware_image name)
  set(image ${FIRMWARE_DIR}/${name}.flash)
  add_custom_command(OUTPUT ${image}
    COMMAND ${RISCV_OBJCOPY} -O binary ${FIRMWARE_DIR}/${name}.elf ${FIRMWARE_DIR}/${name}.bin
    COMMAND firmware_make_flash_image ${FIRMWARE_DIR}/${name}.bin ${image}
    DEPENDS ${FIRMWARE_DIR}/${name}.elf firmware_${name} firmware_make_flash_image
    COMMENT "Firmware: making ${name}.flash" VERBATIM)
  add_custom_target(firmware_image_${name} ALL DEPENDS ${image})
endfunction()
