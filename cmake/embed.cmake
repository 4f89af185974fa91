# embed: a file as a C source that holds its bytes, for programs that hand the file out.
#
#   cmake -DINPUT=FILE -DOUTPUT=FILE.c -DNAME=NAME -DHEADER=HEADER -P embed.cmake
#
# defines `const unsigned char NAME[]` and `const size_t NAME_bytes`, which HEADER declares.
foreach(variable INPUT OUTPUT NAME HEADER)
  if(NOT DEFINED ${variable})
    message(FATAL_ERROR "embed.cmake: -D${variable}=... is missing")
  endif()
endforeach()

file(READ "${INPUT}" hex HEX)
string(LENGTH "${hex}" length)
math(EXPR bytes "${length} / 2")
string(REGEX REPLACE "(..)" "0x\\1," list "${hex}")
string(REPEAT "0x..," 20 line)
string(REGEX REPLACE "(${line})" "\\1\n" list "${list}")
get_filename_component(name "${INPUT}" NAME)
file(WRITE "${OUTPUT}" "/* ${name}, by embed.cmake */
#include \"${HEADER}\"

const unsigned char ${NAME}[] = {
${list}};
const size_t ${NAME}_bytes = ${bytes};
")
