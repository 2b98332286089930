# embinit @VERSION@: the target embinit::embinit, built by the project that uses it, and embinit_add_golden.
get_filename_component(EMBINIT_ROOT "${CMAKE_CURRENT_LIST_DIR}/.." ABSOLUTE)
set(EMBINIT_ROOT "${EMBINIT_ROOT}" CACHE INTERNAL "The folder of the C library of embinit")
set(EMBINIT_COMMAND "embinit" CACHE STRING "The command of embinit, such as python;-m;embinit")

if(NOT TARGET embinit::embinit)
  file(GLOB EMBINIT_SOURCES "${EMBINIT_ROOT}/embinit*.c")
  add_library(embinit STATIC ${EMBINIT_SOURCES})
  add_library(embinit::embinit ALIAS embinit)
  target_include_directories(embinit PUBLIC "${EMBINIT_ROOT}")
endif()

# embinit_add_golden(NAME MODEL model.toml [TARGET t] [SEED n] [FORMATS f...] [TEST] [UNDER_TEST source...]
#                    [DEPENDS file...])
#
# Adds the library NAME: the init code and the golden vectors of a model file, generated when they are built and again
# when the model file changes. TARGET and SEED take the place of the model file's. FORMATS are more files of the bundle,
# such as unity or npz. TEST adds the program NAME_test and the test NAME, which runs the init code and compares every
# buffer bit for bit; of a cross build CMAKE_CROSSCOMPILING_EMULATOR runs it. UNDER_TEST are sources of yours that
# define <model>_under_test, and so put your own init code in place of the generated one. DEPENDS are files that the model
# file names, such as a dialect file.
function(embinit_add_golden name)
  cmake_parse_arguments(PARSE_ARGV 1 GOLDEN "TEST" "MODEL;TARGET;SEED" "FORMATS;UNDER_TEST;DEPENDS")
  if(GOLDEN_UNPARSED_ARGUMENTS OR NOT GOLDEN_MODEL)
    message(FATAL_ERROR
      "embinit_add_golden(NAME MODEL model.toml [TARGET t] [SEED n] [FORMATS f...] [TEST] [UNDER_TEST source...] "
      "[DEPENDS file...]) "
      "got: ${ARGV}")
  endif()
  get_filename_component(model "${GOLDEN_MODEL}" ABSOLUTE BASE_DIR "${CMAKE_CURRENT_SOURCE_DIR}")
  set(directory "${CMAKE_CURRENT_BINARY_DIR}/${name}")
  set(formats ${GOLDEN_FORMATS} c)
  if(NOT GOLDEN_FORMATS MATCHES "(^|;)h(-[a-z]+)?(;|$)")
    list(APPEND formats h)
  endif()
  if(GOLDEN_TEST OR GOLDEN_UNDER_TEST)
    list(APPEND formats plain main)
  endif()
  list(REMOVE_DUPLICATES formats)
  list(JOIN formats "," formats)
  set(command ${EMBINIT_COMMAND} export "${model}" -o "${directory}" --format "${formats}")
  foreach(option TARGET SEED)
    if(DEFINED GOLDEN_${option})
      string(TOLOWER "${option}" word)
      list(APPEND command "--${word}" "${GOLDEN_${option}}")
    endif()
  endforeach()
  if(NOT EXISTS "${EMBINIT_ROOT}/embinit_model.h")
    list(APPEND command --amalgamated)
  endif()

  execute_process(COMMAND ${command} --list RESULT_VARIABLE status OUTPUT_VARIABLE files ERROR_VARIABLE said)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "embinit_add_golden(${name}): ${status} ${said}")
  endif()
  string(STRIP "${files}" files)
  string(REPLACE "\n" ";" files "${files}")
  add_custom_command(OUTPUT ${files} COMMAND ${command} DEPENDS "${model}" ${GOLDEN_DEPENDS} VERBATIM
    COMMENT "Golden vectors and init code of ${GOLDEN_MODEL}")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${model}" ${GOLDEN_DEPENDS})

  set(tests ${files})
  list(FILTER tests INCLUDE REGEX "/(test|main)_[^/]*$")
  set(sources ${files})
  list(FILTER sources INCLUDE REGEX "(_init\\.c|/expected_[^/]*\\.(c|S))$")
  set_source_files_properties(${sources} PROPERTIES OBJECT_DEPENDS "${files}")
  add_library(${name} STATIC ${sources})
  target_include_directories(${name} PUBLIC "${directory}")
  target_link_libraries(${name} PUBLIC embinit::embinit)

  if(GOLDEN_TEST OR GOLDEN_UNDER_TEST)
    set(programs ${tests})
    list(FILTER programs INCLUDE REGEX "/(main_[^/]*|test_[^/]*_plain)\\.c$")
    add_executable(${name}_test ${programs} ${GOLDEN_UNDER_TEST})
    target_link_libraries(${name}_test PRIVATE ${name})
    if(GOLDEN_UNDER_TEST)
      target_compile_definitions(${name}_test PRIVATE EMBINIT_UNDER_TEST)
    endif()
    add_test(NAME ${name} COMMAND ${name}_test)
  endif()
endfunction()
